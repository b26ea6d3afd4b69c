import { wordsOf } from '../key/fold-text.ts';
import { wordSet } from '../word-set.ts';

/** Words that say that money moves, in a name or in a description. */
const moneyWords =
  wordSet(`pay pays payment payments charge charges refund refunds payout payouts transfer transfers invoice
  invoices bill billing checkout purchase purchases buy sell order orders trade trades withdraw withdrawal deposit deposits wire
  remit remittance donate donation tip subscribe subscription subscriptions topup payroll escrow settle settlement wallet money
  cash funds bitcoin btc crypto cryptocurrency usdc usdt disburse disburses disbursement reimburse reimburses reimbursement repay
  repays repayment prepay prepays chargeback cashout eth xrp sats nft sepa ach zelle venmo`);

/** Words that say so only in a name. A description may use them for something else. */
const namedMoney =
  wordSet(`spend debit lend borrow loan invest reinvest recharge liquidate pledge rebill autopay stake unstake bet bid
  dividend airdrop keysend sendpayment sendtoaddress sendmany sendcoins buyin rent gift bribe compensate payoff balance credits salary
  transaction transactions`);

/** Names that say so if they have no other word. */
const wholeNames = new Set(['credit', 'exchange', 'redeem', 'fund', 'zap', 'send to address']);

/** Two words of a name that say so together: an act, and what it acts on. */
const namedPairs: readonly (readonly [acts: ReadonlySet<string>, things: ReadonlySet<string>])[] = [
  [wordSet('top'), wordSet('up')],
  [
    wordSet('send swap bridge transfer mint burn stake claim redeem airdrop'),
    wordSet('token tokens coin coins sol matic doge ltc lightning'),
  ],
  [wordSet('book rent reserve'), wordSet('flight flights hotel room car train ticket tickets trip')],
  [wordSet('redeem claim'), wordSet('voucher coupon reward rewards points')],
  [wordSet('issue grant add apply give'), wordSet('credit')],
  [wordSet('credit'), wordSet('account customer user card')],
  [wordSet('fund'), wordSet('account wallet card')],
  [wordSet('upgrade'), wordSet('plan')],
  [wordSet('renew register'), wordSet('domain')],
  [wordSet('load reload authorize'), wordSet('card')],
  [wordSet('approve'), wordSet('expense expenses')],
  [wordSet('convert exchange swap fx'), wordSet('currency currencies fx convert')],
];

/** Money words that mean something else beside one of these words. */
const otherSenses: readonly (readonly [words: ReadonlySet<string>, beside: ReadonlySet<string>])[] = [
  [
    wordSet('transfer transfers'),
    wordSet('issue issues ownership owner repository repo file files call domain project data'),
  ],
  [wordSet('order orders'), wordSet('sort sorting display column columns tab tabs reorder')],
  [
    wordSet('subscribe subscription subscriptions'),
    wordSet(
      'issue issues ticket discussion conversation notification notifications topic channel channels webhook event events newsletter resource thread repository feed',
    ),
  ],
  [wordSet('checkout'), wordSet('git branch commit')],
  [
    wordSet('transaction transactions'),
    wordSet(
      'begin start commit rollback abort end isolation database db sql query session savepoint redis mongo neo4j sentry trace',
    ),
  ],
  [wordSet('balance'), wordSet('load node nodes cluster shard shards server servers color white team teams')],
  [wordSet('token tokens'), wordSet('auth access refresh csrf api oauth session bearer id device push')],
  [wordSet('borrow lend spend'), wordSet('book books library time')],
  [wordSet('credit credits'), wordSet('photo image author source movie film course')],
  [wordSet('debit'), wordSet('note')],
];

/** Arguments that count money, and those beside which a plain amount is money. */
const countedMoney = /^(?:amount|total)_(?:cents|usd|eur|gbp|sats|wei|minor)$|^cents$|^usd$|^sats$/;
const amounts = wordSet('amount price total value');
const besideAmount = wordSet(
  'currency to recipient payee payer beneficiary iban account wallet card customer merchant',
);

/** Whether a single word says that money moves. */
export function isMoneyWord(word: string): boolean {
  return moneyWords.has(word);
}

/** Whether the words of a text say that money moves. The words around them may give them another sense. */
export function saysMoney(words: readonly string[], around: readonly string[] = words): boolean {
  return words.some((word) => moneyWords.has(word) && !isOtherSense(word, around));
}

/** Whether a name says that money moves by a word or two that say so only in names. */
export function namesMoney(name: string, around: readonly string[]): boolean {
  const words = wordsOf(name);
  if (wholeNames.has(words.join(' '))) return true;
  if (words.some((word) => namedMoney.has(word) && !isOtherSense(word, around))) return true;
  return words.some((act, at) =>
    namedPairs.some(
      ([acts, things]) =>
        acts.has(act) && words.some((each, index) => index > at && things.has(each) && !isOtherSense(each, around)),
    ),
  );
}

/** Whether the arguments of a tool that makes something give an amount of money. */
export function takesMoney(schema: { readonly [key: string]: unknown } = {}, said: readonly string[] = []): boolean {
  const { properties } = schema;
  if (typeof properties !== 'object' || properties === null) return false;
  const names = Object.entries(properties).map(([name, each]) => ({ words: wordsOf(name), isNumber: isNumber(each) }));
  return names.some(({ words, isNumber }) => {
    if (!isNumber) return false;
    const joined = words.join('_');
    if (countedMoney.test(joined)) return true;
    if (!amounts.has(joined)) return false;
    if (saysMoney(said)) return true;
    // A price beside a currency may describe a product. Only an amount moves to somebody.
    return joined === 'amount' && names.some((each) => besideAmount.has(each.words[0] ?? ''));
  });
}

function isNumber(schema: unknown): boolean {
  const type = typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : undefined;
  return [type].flat().some((each) => each === 'number' || each === 'integer');
}

function isOtherSense(word: string, around: readonly string[]): boolean {
  return otherSenses.some(([senses, beside]) => senses.has(word) && around.some((each) => beside.has(each)));
}
