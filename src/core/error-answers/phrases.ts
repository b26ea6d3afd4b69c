/**
 * The words by which APIs and MCP servers say why they refused a request, as patterns over text in lower case in which
 * `_`, `-` and camel case are spaces. English only: any other text leaves doubt.
 */

/** Why a request was refused, so that it had no effect. */
export type FailureKind =
  /** The arguments are not valid, or the request is not supported. */
  | 'invalid'
  | 'not_found'
  /** The credentials are missing or wrong, or do not allow it. */
  | 'unauthorised'
  /** A payment or a similar request was judged and declined. */
  | 'declined'
  /** The state of the resource does not allow it. */
  | 'conflict'
  /** A rate limit or a quota. */
  | 'limited'
  /** The upstream could not take the request now. */
  | 'unavailable';

/** Phrases that say the same. */
interface PhraseRow {
  readonly kind: FailureKind;
  /** Whether the phrase counts beside "internal error" and the like. */
  readonly isStrong: boolean;
  readonly patterns: readonly RegExp[];
  /** Where the phrases come from. */
  readonly source: string;
}

/** Declines that a later try may not meet: Stripe processing_error, issuer_not_available, try_again_later. */
export const temporaryDeclines: readonly RegExp[] = [
  /\bprocessing error\b|\bissuer not available\b|\breenter transaction\b/,
  /\btry (?:it )?again (?:later|in a (?:little )?(?:bit|while|moment|few \w+)|in \d)/,
];

/** The first row that matches decides, so that "quota exceeded: permission denied" is a limit. */
export const refusalPhrases: readonly PhraseRow[] = [
  {
    kind: 'invalid',
    isStrong: true,
    patterns: [
      /\b(?:size|length|characters?|chars?|words?|depth|width|height|duration|payload|body|context) limits?\b/,
      /\b(?:maximum|max) (?:\w+ ){0,2}(?:length|size|characters)\b/,
    ],
    source: 'Limits of what a request may hold, which waiting does not change: GitHub, Slack msg_too_long, Stripe',
  },
  {
    kind: 'limited',
    isStrong: true,
    patterns: [
      /\brate ?limit(?:s|ed|ing)?\b|\brate exceeded\b/,
      /\btoo many (?:requests|calls|attempts|connections|messages)\b/,
      /\bthrottl(?:e|ed|ing)\b/,
      /\bslow ?down\b/,
      /\bquotas? (?:has been |have been |was |is |for \w+ )?(?:exceeded|exhausted|reached|used up|limit|violation)\b/,
      /\b(?:exceed(?:s|ed|ing)?|over|out of|exhausted|reached|insufficient|not enough) (?:\w+ ){0,4}quotas?\b/,
      /\bresource exhausted\b/,
      /\blimit (?:has been |was |is |for \w+ )?(?:exceeded|reached|hit)\b/,
      /\b(?:exceeded|reached|hit) (?:the |your |its |a )?(?:\w+ ){0,3}limits?\b/,
    ],
    source:
      'RFC 6585 (429); gRPC RESOURCE_EXHAUSTED; AWS ThrottlingException and SlowDown; Slack ratelimited; Google rateLimitExceeded, quotaExceeded',
  },
  {
    kind: 'unavailable',
    isStrong: true,
    patterns: [
      /\beconnrefused\b|\bfailed to establish a new connection\b|\bconnection (?:was |is )?refused\b|\bactively refused\b/,
      /\benotfound\b|\beai again\b|\bgetaddrinfo\b|\bname or service not known\b|\bname resolution\b|\bcould not resolve host\b/,
      /\behostunreach\b|\benetunreach\b|\bno route to host\b|\bnetwork is unreachable\b/,
      /\bout of memory\b/,
      /\binsufficient (?:\w+ ){0,2}capacity\b|\bnot (?:currently )?(?:have )?(?:sufficient|enough) (?:[\w.]+ ){0,3}capacity\b/,
      /\bdatabase (?:is |table is )?locked\b|\bsqlite busy\b/,
      /\bdeadlock (?:found|detected)\b|\bcould not serialize access\b|\bserialization failure\b|\block wait time ?out\b|\bdue to lock time ?out\b/,
      /\b(?:under|in|for|undergoing) (?:scheduled |planned )?maintenance(?= ?(?:[.,;:!)\n]|$|until|now|right|at|and|please|try))/,
      /\bmaintenance mode\b/,
    ],
    source:
      'connect(2), getaddrinfo(3) and Node syscall errors; Redis OOM; SQLITE_BUSY; PostgreSQL 40001 and 40P01; MySQL 1205 and 1213 (both roll back)',
  },
  {
    kind: 'declined',
    isStrong: true,
    patterns: [
      /\bdeclined\b/,
      /\b(?:card|payment|transaction|charge|transfer) (?:was |has been |is )?(?:refused|rejected|denied)\b/,
      /\b(?:denied|rejected|refused|blocked) by (?:the |your |an? )?(?:user|human|operator|policy|admin(?:istrator)?|organi[sz]ation)\b/,
      /\b(?:insufficient|not enough) (?:funds|balance|credits?|money)\b/,
      /\bdo not honou?r\b/,
      /\bexpired card\b|\bcard (?:has |is )?expired\b/,
      /\bpayment required\b/,
      /\bcredit balance is too low\b/,
      /\ban error occurred while processing (?:your|the) card\b/,
    ],
    source: 'RFC 9110 (402); Stripe card_declined and insufficient_funds; ISO 8583 "do not honor"',
  },
  {
    kind: 'unauthorised',
    isStrong: true,
    patterns: [
      /\bun ?(?:authori[sz]ed|authenticated)\b/,
      /\bnot (?:authori[sz]ed|authenticated|authed|logged in|signed in|permitted|allowed)\b/,
      /\b(?:permission|access|authori[sz]ation)s? (?:was |is |has been )?denied\b/,
      /\bforbidden\b|\brestricted action\b|\baddress rejected\b/,
      /\b(?:invalid|expired|missing|bad|revoked|wrong|incorrect|no) (?:api |access |auth |bearer |refresh |security )?(?:tokens?|api keys?|keys?|credentials?|passwords?|auth|authentication)\b/,
      /\b(?:tokens?|credentials?|sessions?|api keys?) (?:has |have |is |are |was |were )?(?:been )?(?:expired|invalid|revoked)\b/,
      /\binsufficient (?:permissions?|scopes?|privileges?|rights|access)\b/,
      /\b(?:missing|requires?|lacks?|needs?|no) (?:the |required )?(?:scopes?|permissions?|roles?|privileges?|access)\b/,
      /\b(?:do|does)(?: not|n't) have (?:the )?(?:permissions?|access|rights)\b|\bon (?:the|a) (?:free|trial|basic|starter) (?:plan|tier)\b/,
      /\bauthenti?cation (?:failed|required|error)\b|\blogin required\b/,
      /\beacces\b|\beperm\b|\bnot accessible by\b|\bnot in (?:the |this )?(?:channel|conversation|group)\b/,
      /\baccount (?:is |has been |was )?(?:inactive|suspended|disabled|locked)\b/,
    ],
    source:
      'RFC 9110 (401, 403); gRPC UNAUTHENTICATED and PERMISSION_DENIED; AWS AccessDenied; Slack not_authed and missing_scope; PostgreSQL 42501; EACCES',
  },
  {
    kind: 'conflict',
    isStrong: false,
    patterns: [
      /\balready (?:exists?|taken|in use|used|registered|a member|subscribed)\b/,
      /\b(?:has|have|is|are) already (?:been )?\w+/,
      /\bduplicate (?:key|entry|record|value|name|id)\b/,
      /\bunique (?:constraint|key)\b|\beexist\b/,
      /\bprecondition failed\b|\bfailed precondition\b/,
      /\b(?:changed|modified) since\b|\bversion mismatch\b|\bstale (?:version|revision|object)\b/,
      /\bis (?:closed|archived|read ?only|not active|protected|frozen)\b/,
      /\bis (?:taken|in use|occupied|sold out|out of stock|no longer available)\b/,
      /\bconditional (?:check|request) failed\b/,
      /\b(?:is|are) (?:not|no longer) (?:an? |in (?:an? |the )?)?(?:draft|open|pending|active|editable|paid|unpaid|mergeable|cancell?able|\w+ (?:state|status))\b/,
      /\b(?:its|whose) (?:status|state) (?:is|was|does not allow)\b|\bin its current (?:state|status)\b/,
      /\bbecause (?:\w+ ){0,4}(?:status|state) (?:is|was)\b/,
      /\bconflict\b/,
    ],
    source:
      'RFC 9110 (409, 412); gRPC ALREADY_EXISTS and FAILED_PRECONDITION; SQLITE_CONSTRAINT_UNIQUE; PostgreSQL 23505; MySQL 1062',
  },
  {
    kind: 'not_found',
    isStrong: false,
    patterns: [
      /\bnot (?:be )?found\b/,
      /\bdo(?:es)?(?: not|n't) exist\b/,
      /\bno such\b/,
      /\bdid not match any\b|\b(?:unknown user|user unknown)\b/,
      /\bunknown (?!fields?\b|arguments?\b|param|propert|options?\b|keyword|attribute|error|outcome|state|status|reason|exception|failure|whether|if|result|response|cause|issue|problem)\w/,
      /\bno (?:\w+ ){1,3}(?:was |were )?found\b/,
      /\b(?:could not|couldn't|cannot|can't|unable to) find\b/,
      /\bresource missing\b|\bnon ?existent\b|\benoent\b/,
    ],
    source:
      'RFC 9110 (404, 410); gRPC NOT_FOUND; Stripe resource_missing; Slack channel_not_found; ENOENT; SQLSTATE 42P01',
  },
  {
    kind: 'invalid',
    isStrong: false,
    patterns: [
      /\binvalid\b/,
      /\bvalidation (?:error|failed|failure|exception)s?\b|\bfailed validation\b/,
      /\bis (?:a )?required\b|\b(?:missing|required) (?:\w+ ){0,2}(?:argument|parameter|param|field|property|value|input)s?\b/,
      /\bmust (?:first )?(?:be|not|have|contain|match|start|end|call|provide|specify|select|include|choose|pass)\b/,
      /\bis ambiguous\b|\bmultiple (?:matches|occurrences)\b|\bis not unique\b/,
      /\bbad (?:request|user input)\b|\bunprocessable\b|\bmalformed\b|\bill ?formed\b/,
      /\bsyntax error\b/,
      /\bunknown (?:fields?|arguments?|param\w*|propert\w+|options?|keywords?|attributes?)\b/,
      /\bnot both\b|\b(?:can|may) only be (?:used|set)\b|\bnot of type\b/,
      /\bnot an? (?:git repository|recogni[sz]ed \w+)\b/,
      /\bis not an? (?:valid |known |supported )?(?:property|field|argument|option|number|string)\b/,
      /\bnot supported\b|\bunsupported\b|\bunimplemented\b|\bunrecogni[sz]ed\b/,
      /\bunexpected (?:keyword )?(?:argument|parameter|field|property)\b/,
      /\bout of range\b|\btoo (?:long|large|short|small|big|many characters)\b/,
      /\b(?:cannot|can't|may not) be (?:blank|empty|null|negative|zero)\b/,
      /\bexpected \w+, (?:but )?(?:received|got)\b/,
      /\b(?:not null|check|foreign key) constraint\b/,
    ],
    source:
      'JSON-RPC 2.0 (-32602); RFC 9110 (400, 422); gRPC INVALID_ARGUMENT; AWS ValidationException; GraphQL BAD_USER_INPUT; SQL constraint errors',
  },
];

/** Phrases of MCP servers that refuse a call before they run the tool, whatever else they say. */
export const beforeRunPhrases: readonly RegExp[] = [
  // TypeScript SDK (`McpServer`) and Python SDK (`lowlevel/server.py`): the arguments do not match the input schema.
  /\binput validation error\b/,
  /\binvalid arguments for (?:tool|prompt)\b/,
  // FastMCP: pydantic names the model of a tool's arguments after the tool.
  /\bvalidation errors? for (?:\w+ )*arguments\b/,
  // Python: the function of the tool itself does not take these arguments.
  /\bexecuting tool ([\w ]{1,128}): \1\(\) (?:got an unexpected keyword argument|missing \d+ required)/,
  // FastMCP validates the call of the tool's function.
  /\bvalidation errors? for call\[/,
  /\bunknown tool\b/,
  /^(?:mcp error )?\W*(?:32602\W+)?tool [\w./:" '-]{1,128} (?:was )?(?:not found|disabled|is disabled)\b/,
];

/** Phrases of an error after which the request may have taken effect. Only a clear "nothing happened" counts more. */
export const doubtPhrases: readonly RegExp[] = [
  // Time-outs.
  /\btim(?:ed|ing) ?out\b/,
  /\btime ?out (?:after|of|exceeded|error|expired|waiting|while|reached)\b/,
  /\b(?:request|connection|gateway|read|write|operation|socket|response|query|statement|api|server|network|command|execution|upstream) time ?out\b/,
  /^\W*(?:error\W+)?time ?out(?: error)?\W*$/,
  /\be(?:socket)?timedout\b|\bdeadline (?:exceeded|has elapsed)\b/,
  // Broken connections.
  /\beconnreset\b|\beconnaborted\b|\bepipe\b|\bbroken pipe\b|\bsocket hang ?up\b/,
  /\bconnection (?:\w+ ){0,3}(?:reset|closed|lost|aborted|dropped|terminated|broken|interrupted)\b/,
  /\bnetwork (?:error|failure)\b|\bpremature (?:close|end)\b|\bdisconnected\b|\b(?:remote end|other side|server|peer) (?:has )?closed\b/,
  // Failures of gateways, and of what stands behind them (RFC 9110, 15.6).
  /\bbad gateway\b|\bgateway time ?out\b|\bservice (?:is |was )?(?:temporarily |currently )?unavailable\b/,
  // A part of the work is done, or nobody knows.
  /\bpartial(?:ly)?\b|\bincomplete\b|\b(?:not|before|until) (?:all|every|everything|the rest)\b/,
  /\b(?:may|might|could) (?:or may not |still |already )?have\b|\bpossibly\b/,
  /\b(?:unclear|unsure|uncertain|unknown|not known) (?:whether|if|outcome|state|status|result)\b/,
  /\b(?:outcome|status|state|result) (?:is |was )?(?:unknown|unclear|uncertain)\b/,
  /\b(?:cannot|could not|couldn't|unable to) (?:tell|confirm|verify|determine) (?:whether|if|that)\b/,
  /\b(?:still|already) (?:running|processing|pending)\b|\bin progress\b/,
  /\broll ?back (?:\w+ )?(?:failed|error)\b|\b(?:failed|unable|could not|cannot) (?:to )?(?:be )?roll(?:ed)? ?back\b/,
  /\bafter (?:\w+ )?(?:sending|creating|writing|inserting|charging|posting|saving|updating|uploading|dispatching|committing|executing)\b/,
  // The request was executed, and its answer cannot be used.
  /\b(?:output|response|result|reply|answer) (?:\w+ )?(?:validation|schema|parsing|decoding|error)\b/,
  /\b(?:output|response|result|reply|answer) (?:is |was )?(?:not valid|invalid|malformed|empty|too (?:large|big|long))\b/,
  /\b(?:invalid|malformed|unexpected|empty) (?:json |http |server |api )?(?:response|result|output|reply|answer|json|token|end|eof|status)\b/,
  /\bstructured ?content\b|\bnot valid json\b/,
  // Pydantic names a model other than the arguments, or zod lists its issues: both check answers, too.
  /\b\d+ validation errors? for\b|^\W*\{\s*"(?:code|expected)":/,
  /\b(?:pars(?:e|ing)|decod(?:e|ing)|unmarshal\w*|deseriali[sz]\w*|read(?:ing)?) (?:the |its |a )?(?:server |api |http |json )?(?:response|result|output|reply|answer|body)\b/,
  // A server's own code failed, perhaps on the answer to what it had executed (messages of Python and of V8).
  /\bindex out of (?:range|bounds)\b|\bunsupported operand\b|\binvalid isoformat\b|\binvalid literal for\b|\binvalid (?:start|continuation) byte\b|\binvalid control character\b/,
  /\binvalid (?:time value|array length|date)\W*$|\binvalid url\W*$|\btype ?error\b/,
  /\bunexpected keyword argument '|\bmissing \d+ required (?:positional|keyword only) arguments?\b/,
  // A limit on the run, or on its answer.
  /\b(?:time|cpu|memory|output|response|result|reply|answer) (?:time |size |token |length )?limits?\b|\b(?:output|response|result|reply|answer) (?:\w+ )?exceed/,
  /\bin (?:the |its |an? )?(?:output|response|result|reply|answer)\b/,
  // An earlier step took effect.
  /\b(?:newly |just )?created (?:\w+ ){1,3}#?\w*\d/,
  /\balready (?:been )?(?:\w+ed|sent|paid|made|done)\b[^.\n]{0,200}\b(?:but|however|although)\b/,
  /\bnot only\b|\bnot (?:been )?rolled ?back\b/,
];

/** Phrases that say only that something broke: a weak phrase of refusal beside them proves nothing. */
export const brokenPhrases: readonly RegExp[] = [
  /\b(?:internal|unexpected|unknown|unhandled|fatal) (?:server |system |api )?(?:error|exception|failure)\b/,
  /\bsomething went wrong\b|\btraceback\b|\bpanic(?:ked)?\b|\bcrash(?:ed)?\b|\bassertion\b/,
];

/**
 * Phrases that say that the whole request did nothing. They count more than a time-out and a status of 500, so a phrase
 * about a part does not belong here: "no data was received", "the last step was not executed".
 */
export const nothingPhrases: readonly RegExp[] = [
  /\b(?:nothing|none of (?:it|them)) (?:at all )?(?:was|were|has been|have been|got|will be) (?:written|sent|changed|created|saved|stored|charged|posted|published|updated|deleted|removed|inserted|executed|applied|done|made|booked|submitted|transferred|refunded|paid|moved|modified|processed|persisted|committed)\b/,
  /\bno (?:changes?|effects?|side effects?|modifications?|writes?|transactions?|charges?|payments?|transfers?|orders?) (?:was|were|has been|have been) (?:made|written|applied|saved|performed|persisted|committed|created|executed|placed)\b/,
  /\bno (?:money|funds) (?:was|were|has been|have been|has|have) (?:moved|charged|transferred|taken)\b/,
  /\bnothing (?:changed|happened)\b|\bno (?:changes|side effects?)(?= ?(?:$|[.,;:)\n]))|\b(?:request|call|operation|transaction|it) had no effect\b/,
  /\b(?:the|this|your|whole|entire) transaction (?:was|has been|is) (?:automatically |fully |completely )?rolled ?back\b|^\W*transaction rolled ?back\b|\ball changes (?:were |have been )?(?:reverted|rolled ?back)\b/,
  /\b(?:the|this|your) (?:request|call|operation|command|query|statement|tool) (?:was|has been|were) (?:not|never) (?:been )?(?:executed|processed|performed|carried out|attempted|run|applied)\b/,
];

/** Whether any of the patterns is in a text. */
export function matches(patterns: readonly RegExp[], text: string): boolean {
  return patterns.some((pattern) => pattern.test(text));
}

/** Brings a text or a code into the form that the patterns are written for. */
export function normalised(text: string): string {
  return text
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/[’]/g, "'")
    .toLowerCase()
    .replace(/[_-]+/g, ' ')
    .replace(/[^\S\n]+/g, ' ');
}
