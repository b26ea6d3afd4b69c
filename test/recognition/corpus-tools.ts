import type { ToolClass } from '../../src/core/tool/types.ts';
import { type FieldKind, type OfficeTool, officeTools } from './office.ts';
import type { Random } from './random.ts';
import { type Wording, wordings } from './texts.ts';

export type Args = Record<string, unknown>;

/** A tool, and how a model writes its calls. */
export interface CorpusTool {
  readonly name: string;
  readonly class: ToolClass;
  readonly deletes: boolean;
  readonly isShipped: boolean;
  readonly movesMoney: boolean;
  /** The field of its free text, and the kind of texts. */
  readonly text?: readonly [field: string, kind: Wording['kind']];
  /** Arguments that no other trace has. */
  make(random: Random, serial: number): Args;
  /** The same arguments in another form; undefined where there is none. */
  reformat(args: Args, random: Random): Args | undefined;
  /** The same call with one value corrected. */
  correct(args: Args, random: Random): Args;
}

/** A reformatted value; undefined where the value has no other form. */
type Reformat = (value: unknown, random: Random) => unknown;

const upper = (text: string): string => text[0]?.toUpperCase() + text.slice(1);

/** The other forms of each kind of field. */
const forms: Readonly<Record<FieldKind, Reformat>> = {
  number: (value) => (typeof value === 'number' ? String(value) : undefined),
  email: (value, random) =>
    typeof value === 'string' ? random.pick([upper(value), value.toUpperCase(), ` ${value}`]) : undefined,
  emails: (value, random) => {
    if (!Array.isArray(value)) return undefined;
    const written = value.map((each) => (random.chance(0.5) ? upper(String(each)) : each)).reverse();
    return random.chance(0.25) ? JSON.stringify(written) : written;
  },
  time: (value, random) => {
    if (typeof value !== 'string') return undefined;
    const utc = new Date(value).toISOString();
    return random.pick([utc, utc.replace('.000Z', 'Z'), utc.replace('.000Z', '+00:00')]);
  },
  uuid: (value) => (typeof value === 'string' ? value.toUpperCase() : undefined),
  currency: (value) => (typeof value === 'string' ? value.toLowerCase() : undefined),
  labels: (value, random) => {
    if (!Array.isArray(value)) return undefined;
    return random.chance(0.3) ? JSON.stringify(value) : [...value].reverse();
  },
  options: (value, random) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const turned = Object.fromEntries(Object.entries(value).reverse());
    return random.chance(0.5) ? JSON.stringify(turned) : turned;
  },
  meta: (value, random) => {
    const given = typeof value === 'object' && value !== null ? value : {};
    const fresh = random.pick<Args>([
      { request_id: random.uuid() },
      { 'idempotency-key': random.hex(16), timestamp: new Date(1.78e12 + random.int(0, 1e9)).toISOString() },
      { client: { nonce: random.hex(12) } },
      { trace: { correlation_id: random.uuid(), request_timestamp: 1_780_000_000 + random.int(0, 1e6) } },
    ]);
    return { ...fresh, ...given };
  },
};

/** Other forms of all arguments. They change no value. */
const wholeForms: readonly ((args: Args, tool: OfficeTool, random: Random) => Args | undefined)[] = [
  (args, _tool, random) => Object.fromEntries(random.shuffle(Object.entries(args))),
  (args, tool) => {
    const absent = Object.keys(tool.shape.shape).find((name) => {
      const schema = tool.shape.shape[name] as { isOptional?(): boolean } | undefined;
      return args[name] === undefined && schema?.isOptional?.() === true;
    });
    return absent === undefined ? undefined : { ...args, [absent]: null };
  },
  (args, tool, random) => {
    const text = tool.text && args[tool.text[0]];
    if (tool.text === undefined || typeof text !== 'string') return undefined;
    const written = random.pick([`${text}\n`, ` ${text}`, text.normalize('NFD')]);
    return { ...args, [tool.text[0]]: written };
  },
];

function reformatOf(tool: OfficeTool, args: Args, random: Random): Args | undefined {
  const names = random.shuffle(Object.entries(tool.fields));
  const wanted = random.int(1, 3);
  let changed: Args = args;
  let count = 0;
  for (const [name, kind] of names) {
    if (count === wanted) break;
    if (args[name] === undefined && kind !== 'meta') continue;
    const value = forms[kind](args[name], random);
    if (value === undefined) continue;
    changed = { ...changed, [name]: value };
    count += 1;
  }
  if (count === 0 || random.chance(0.4)) {
    const written = random.pick(wholeForms)(changed, tool, random);
    if (written !== undefined) {
      changed = written;
      count += 1;
    }
  }
  return count === 0 ? undefined : changed;
}

const people = ['ana.silva', 'ben.okoro', 'chloe.martin', 'deniz.kaya', 'emil.novak', 'fumi.sato'];
const address = (random: Random, serial: number): string => `${random.pick(people)}.${serial}@example.com`;
const startTime = (random: Random): string => {
  const day = String(random.int(10, 28));
  return `2027-0${random.int(1, 9)}-${day}T${random.int(10, 18)}:${random.pick(['00', '15', '30'])}:00+02:00`;
};
const withMeta = (random: Random): Args => (random.chance(0.4) ? { meta: { source: 'assistant' } } : {});

const makers: Readonly<Record<string, (random: Random, serial: number) => Args>> = {
  send_message: (random, serial) => ({
    to: [address(random, serial), ...(random.chance(0.4) ? [`team.${serial}@example.org`] : [])],
    subject: `Update ${serial}`,
    body: textFor('message', random).first,
    ...(random.chance(0.4) ? { priority: random.int(1, 3) } : {}),
    ...withMeta(random),
  }),
  create_task: (random) => ({
    list_id: random.uuid(),
    title: textFor('task', random).first,
    ...(random.chance(0.6) ? { due: startTime(random) } : {}),
    ...(random.chance(0.5) ? { labels: ['office', 'quarter', 'urgent'].slice(0, random.int(2, 3)) } : {}),
    ...(random.chance(0.4) ? { estimate: random.int(1, 16) / 2 } : {}),
    ...withMeta(random),
  }),
  pay_bill: (random, serial) => ({
    payee: `Payee ${serial}`,
    amount: random.int(100, 99_999) / 100,
    currency: random.pick(['EUR', 'USD', 'GBP']),
    ...(random.chance(0.5) ? { receipt_email: address(random, serial) } : {}),
    memo: textFor('memo', random).first,
  }),
  book_room: (random, serial) => ({
    room: `Room ${serial}`,
    start: startTime(random),
    minutes: random.pick([30, 45, 60, 90]),
    ...(random.chance(0.6) ? { guests: [address(random, serial), `guest.${serial}@example.org`] } : {}),
    ...(random.chance(0.5) ? { options: { layout: random.pick(['rows', 'circle']), catering: true } } : {}),
    ...withMeta(random),
  }),
  set_status: (random, serial) => ({ id: `ticket-${serial}`, status: random.pick(['open', 'blocked', 'done']) }),
  update_contact: (random, serial) => ({ contact_id: `contact-${serial}`, email: address(random, serial) }),
  delete_item: (_random, serial) => ({ item_id: `item-${serial}` }),
  append_row: (random, serial) => ({
    sheet: `sheet-${serial}`,
    value: random.int(1, 500),
    text: textFor('task', random).first,
  }),
  press_button: (_random, serial) => ({ button: `button-${serial}` }),
  job_report: (_random, serial) => ({ job_id: `job-${serial}` }),
  note_visit: (_random, serial) => ({ page: `page-${serial}` }),
};

/** Returns a text of a kind, with another wording of it. */
export function textFor(kind: Wording['kind'], random: Random): Wording {
  return random.pick(wordings.filter((each) => each.kind === kind));
}

const corrections: Readonly<Record<string, (args: Args, random: Random) => Args>> = {
  send_message: (args) => ({ ...args, to: [`other.${(args.to as string[])[0]}`] }),
  create_task: (args) => ({ ...args, title: 'Prepare the visit of the auditors' }),
  pay_bill: (args, random) => ({ ...args, amount: (args.amount as number) + random.int(1, 50) }),
  book_room: (args) => ({ ...args, minutes: (args.minutes as number) + 15 }),
};

const ofOffice = officeTools.map((tool): CorpusTool => {
  const { name, effect, text, movesMoney } = tool;
  return {
    name,
    class: tool.class,
    deletes: effect === 'delete',
    isShipped: false,
    movesMoney: movesMoney === true,
    ...(text ? { text } : {}),
    make: (random, serial) => makers[name]?.(random, serial) ?? {},
    reformat: (args, random) => reformatOf(tool, args, random),
    correct: (args, random) => corrections[name]?.(args, random) ?? args,
  };
});

const shipped = (
  tool: Pick<CorpusTool, 'name' | 'make' | 'reformat' | 'correct'> & Partial<CorpusTool>,
): CorpusTool => ({ class: 'create', deletes: false, isShipped: true, movesMoney: true, ...tool });

const ofProduct: readonly CorpusTool[] = [
  shipped({
    name: 'create_invoice',
    text: ['memo', 'memo'],
    make: (random, serial) => ({
      customer: { name: `Customer ${serial}`, email: `customer.${serial}@example.com` },
      currency: 'usd',
      lines: [
        { description: 'Workshop', unit_amount: random.int(1_000, 9_000), quantity: random.int(1, 3) },
        { description: 'Travel', unit_amount: random.int(100, 900) },
      ],
      due_days: random.pick([14, 21, 60]),
      memo: textFor('memo', random).first,
    }),
    reformat: (args, random) => {
      const lines = args.lines as Args[];
      return random.pick<Args>([
        { ...args, currency: 'USD' },
        { ...args, due_days: String(args.due_days) },
        { ...args, lines: JSON.stringify(lines) },
        { ...args, action: 'draft' },
        { ...args, lines: lines.map((line) => ({ ...line, unit_amount: String(line.unit_amount) })) },
        { ...args, customer: { ...(args.customer as Args), email: upper(String((args.customer as Args).email)) } },
      ]);
    },
    correct: (args, random) => {
      const [first, ...rest] = args.lines as Args[];
      return { ...args, lines: [{ ...first, unit_amount: random.int(10_000, 20_000) }, ...rest] };
    },
  }),
  shipped({
    name: 'create_payment',
    text: ['description', 'memo'],
    make: (random, serial) => ({
      amount: 10_000 + serial,
      currency: 'eur',
      payment_method: 'pm_card_visa',
      description: textFor('memo', random).first,
      receipt_email: `payer.${serial}@example.com`,
    }),
    reformat: (args, random) =>
      random.pick<Args>([
        { ...args, currency: 'EUR' },
        { ...args, amount: String(args.amount) },
        { ...args, customer: null },
        { ...args, receipt_email: upper(String(args.receipt_email)) },
      ]),
    correct: (args) => ({ ...args, amount: (args.amount as number) + 100_000 }),
  }),
  shipped({
    name: 'create_customer',
    text: ['description', 'memo'],
    movesMoney: false,
    make: (random, serial) => ({
      name: `Client ${serial}`,
      email: `client.${serial}@example.com`,
      description: textFor('memo', random).first,
    }),
    reformat: (args, random) =>
      random.pick<Args>([
        { ...args, email: String(args.email).toUpperCase() },
        { ...args, phone: null },
        { ...args, name: ` ${args.name}` },
      ]),
    correct: (args) => ({ ...args, email: `other.${args.email}` }),
  }),
  shipped({
    name: 'send_email',
    text: ['text', 'message'],
    movesMoney: false,
    make: (random, serial) => ({
      from: 'office@example.com',
      to: [`reader.${serial}@example.com`, `second.${serial}@example.com`],
      subject: `News ${serial}`,
      text: textFor('message', random).first,
    }),
    reformat: (args, random) =>
      random.pick<Args>([
        { ...args, to: [...(args.to as string[])].reverse() },
        { ...args, to: JSON.stringify(args.to) },
        { ...args, cc: null },
        { ...args, from: 'Office@Example.com' },
      ]),
    correct: (args, random) => ({ ...args, subject: `News ${random.hex(6)}` }),
  }),
];

export const corpusTools: readonly CorpusTool[] = [...ofOffice, ...ofProduct];

export function corpusTool(name: string): CorpusTool {
  const found = corpusTools.find((tool) => tool.name === name);
  if (!found) throw new Error(`no tool ${name} in the corpus`);
  return found;
}
