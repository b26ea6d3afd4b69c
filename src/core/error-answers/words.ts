import { wordSet } from '../word-set.ts';

/** Participles that say that something took effect, unless they are negated or only possible. */
export const effectWords = wordSet(
  'created sent saved stored written wrote inserted updated posted published charged paid transferred refunded captured debited credited booked ordered placed submitted delivered committed executed completed processed succeeded applied uploaded added merged pushed queued scheduled issued deployed installed provisioned registered subscribed invited granted dispatched emailed notified changed modified renamed deleted removed archived moved cancelled canceled made opened reopened started launched shipped replied reserved withdrew withdrawn ran copied appended attached assigned enrolled forwarded shared voided finalized finalised reversed cloned duplicated imported exported migrated restarted rebooted purchased bought sold signed commented',
);

/** Effect words that also say why something is not there: "not found, or it was deleted". */
export const absenceWords = wordSet('deleted removed archived moved renamed cancelled canceled');

/** Words that negate a participle which follows them in the same clause. */
export const negations = wordSet(
  "not no none nothing nobody never neither nor without cannot can't couldn't wasn't weren't isn't aren't hasn't haven't hadn't didn't doesn't don't won't wouldn't unable failed fails 0 zero before until",
);

/** Words after which a participle is only possible, or wanted: "must be created first". */
export const possibilities = wordSet('must should can need needs if unless only being sure ensure please to-be');

/** Past forms without "ed". */
export const irregularPasts = wordSet(
  'left made wrote paid sold bought ran began took gave built spent kept brought drew withdrew withdrawn sent held went drove flew forgave hid met rose shot spoke stood threw undid redid overwrote rebuilt resent repaid rang sprang sank froze chose dealt lent rented bound won',
);

/** Words that say that a part went well. */
export const successWords = wordSet('ok okay done success successful successfully finished ✓ ✅');

/** Words in "ed" that belong to refusals, or are no past forms. */
export const harmlessPasts = wordSet(
  'econnrefused econnaborted need feed seed speed embed exceed proceed succeed indeed hundred red bed shed failed exceeded denied required expected unexpected allowed disallowed permitted supported unsupported refused declined rejected limited ratelimited throttled expired revoked disabled suspended locked blocked banned restricted protected received provided specified named needed called referenced detected missed malformed unauthorized unauthorised unauthenticated authenticated unrecognized unrecognised recognized recognised undefined used unused based related requested supplied occurred encountered caused violated timed crashed aborted rolled reverted interrupted exhausted reached passed entered typed selected formatted encoded associated mistyped misspelled unresolved unhandled deprecated unparsed nested defined declared duplicated',
);

/** States that "is" names: "is closed" tells no effect. */
export const stateWords = wordSet('closed archived locked disabled suspended protected');

export const finiteVerbs = wordSet(
  "is are was were be been has have had do does did will would can could may might it's i'm we we've i you they",
);

/** Adjectives and doubtful past forms by which a clause without a verb may tell an effect: "Ticket open". */
export const adjectives = wordSet(
  'set put cut let shut hit spread read cast split open live ready up online active complete away on off out in',
);

/** Words that stand alone before or after a reason. */
export const labels = wordSet(
  'error errors err mcp code status statuscode http detail details reason message msg hint cause request id trace requestid sqlstate errno line column position char character index get post put patch delete head x fatal at api type failing sql exception traceback null none false documentation_url documentation docs path field param parameter name rpc',
);

/** The first words of next steps and rules. */
export const hintStarts = wordSet(
  'please try retry check use see make ensure verify provide specify contact visit enable grant ask request upgrade wait consider refer include choose select pick call reduce shorten correct fix review confirm pass double did available allowed valid supported accepted permitted possible expected must should only hint for learn got received perhaps maybe increase configure log sign re-authenticate reconnect install take refresh reload navigate give supply simplify narrow capture',
);
