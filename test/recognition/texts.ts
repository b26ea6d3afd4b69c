import { readFileSync } from 'node:fs';
/** What a model says twice in other words. Written for this corpus: the rules are tuned with other pairs. */
export interface Wording {
  readonly lang: string;
  readonly kind: 'message' | 'task' | 'memo';
  readonly first: string;
  readonly reworded: string;
}

/** A text of a batch: `{}` stands for what differs. */
export interface BatchTemplate {
  readonly lang: string;
  readonly kind: 'message' | 'task' | 'memo';
  readonly text: string;
  readonly items: readonly string[];
}

type Row = readonly [lang: string, kind: Wording['kind'], first: string, reworded: string];

const rows: readonly Row[] = [
  [
    'en',
    'message',
    'Hi Tom, the printer on the second floor is out of toner again. Could you order a new cartridge?',
    'Hello Tom, the second-floor printer has run out of toner again. Could you please order a new cartridge?',
  ],
  [
    'en',
    'message',
    'Lunch moves to the canteen today because the terrace is closed.',
    'Today lunch moves to the canteen, since the terrace is closed.',
  ],
  [
    'en',
    'message',
    'Thanks for sending the signed contract. We will start onboarding on Monday.',
    'Thank you for sending over the signed contract! We will begin onboarding on Monday.',
  ],
  [
    'en',
    'message',
    'The build server will be restarted tonight, please save your work.',
    'Please save your work: the build server will be restarted tonight.',
  ],
  [
    'en',
    'message',
    'I reviewed the draft and left comments on the pricing section.',
    "I've reviewed the draft and left some comments on the pricing section.",
  ],
  ['en', 'task', 'Renew the domain before it expires', 'Renew domain before it expires'],
  ['en', 'task', 'Ask Priya for the onboarding checklist', 'Ask Priya for her onboarding checklist'],
  [
    'en',
    'task',
    'Clean up unused feature flags in the billing service',
    'Clean up the unused feature flags in billing service',
  ],
  ['en', 'task', 'Write release notes for the mobile app', 'Write the mobile app release notes'],
  ['en', 'task', 'Fix the broken link on the careers page', 'Repair broken link on the careers page'],
  ['en', 'memo', 'Team dinner with the Lisbon office', 'Dinner of the team with the Lisbon office'],
  ['en', 'memo', 'Deposit for the conference booth', 'Conference booth deposit'],
  [
    'en',
    'memo',
    'Reimbursement for train tickets to the customer workshop',
    'Reimbursement of train tickets for the customer workshop',
  ],
  [
    'de',
    'message',
    'Hallo Jana, die Unterlagen für das Gespräch liegen im Ordner. Bitte schau sie dir vorher an.',
    'Hallo Jana, die Unterlagen für das Gespräch liegen im Ordner. Schau sie dir bitte vorher an!',
  ],
  ['de', 'task', 'Angebot für die neue Heizung einholen', 'Ein Angebot für die neue Heizung einholen'],
  ['de', 'memo', 'Anzahlung für die Messe in Hannover', 'Anzahlung Messe Hannover'],
  [
    'fr',
    'message',
    'Bonjour Luc, le rapport est prêt. Peux-tu le relire avant la réunion ?',
    'Bonjour Luc, le rapport est prêt. Pourrais-tu le relire avant la réunion ?',
  ],
  ['fr', 'task', 'Réserver la salle pour la formation', 'Réserver une salle pour la formation'],
  ['fr', 'memo', 'Acompte pour le traiteur', 'Acompte traiteur'],
  [
    'es',
    'message',
    'Hola Marta, ya subí las fotos del evento a la carpeta compartida.',
    'Hola Marta, las fotos del evento ya las subí a la carpeta compartida.',
  ],
  ['es', 'task', 'Actualizar la lista de proveedores', 'Actualizar lista de los proveedores'],
  [
    'pt',
    'message',
    'Olá Rui, a entrega foi adiada porque o armazém está fechado.',
    'Olá, Rui! A entrega foi adiada, pois o armazém está fechado.',
  ],
  ['it', 'task', "Preparare l'ordine del giorno per la riunione", 'Preparare ordine del giorno della riunione'],
  [
    'nl',
    'message',
    'Hoi Sanne, de sleutel van het magazijn ligt bij de receptie.',
    'Hoi Sanne, de magazijnsleutel ligt bij de receptie.',
  ],
  ['pl', 'task', 'Zamówić kwiaty na otwarcie biura', 'Zamówić kwiaty na otwarcie nowego biura'],
  [
    'sv',
    'message',
    'Hej Elin, mötet är flyttat till det stora rummet.',
    'Hej Elin! Mötet har flyttats till det stora rummet.',
  ],
  ['tr', 'task', 'Toplantı için sunumu hazırla', 'Toplantı sunumunu hazırla'],
  [
    'ru',
    'message',
    'Привет, Оля! Документы лежат на столе у секретаря.',
    'Привет, Оля. Документы лежат у секретаря на столе.',
  ],
  ['ru', 'task', 'Подготовить отчёт по продажам', 'Подготовить отчет о продажах'],
  [
    'ja',
    'message',
    '田中さん、資料を共有フォルダに入れました。確認をお願いします。',
    '田中さん、資料を共有フォルダに入れましたので、確認をお願いします。',
  ],
  ['ja', 'task', '会議室の予約を変更する', '会議室の予約変更をする'],
  ['zh', 'message', '小李，合同已经放在共享文件夹里，请你看一下。', '小李，合同已放在共享文件夹里，请看一下。'],
  ['zh', 'task', '更新供应商名单', '更新一下供应商名单'],
  [
    'ko',
    'message',
    '지민 씨, 회의 자료를 공유 폴더에 올렸습니다. 확인 부탁드립니다.',
    '지민 씨, 회의 자료를 공유 폴더에 올렸으니 확인 부탁드립니다.',
  ],
  ['ar', 'task', 'تحديث قائمة الموردين', 'تحديث قائمة الموردين من فضلك'],
  [
    'hi',
    'message',
    'नमस्ते रवि, रिपोर्ट साझा फ़ोल्डर में रख दी है, कृपया देख लें।',
    'नमस्ते रवि, रिपोर्ट साझा फ़ोल्डर में रख दी है। कृपया देख लें।',
  ],
];

export const wordings: readonly Wording[] = rows.map(([lang, kind, first, reworded]) => ({
  lang,
  kind,
  first,
  reworded,
}));

const batch = (lang: string, kind: Wording['kind'], text: string, items: string): BatchTemplate => ({
  lang,
  kind,
  text,
  items: items.split(' | '),
});

/** Texts of one list that differ in content. */
export const batches: readonly BatchTemplate[] = [
  batch('en', 'task', 'Call {} about the renewal', 'Anna | Ben | Carla | Dmitri | Elena | Farid'),
  batch('en', 'task', 'Order {} for the kitchen', 'coffee | tea | mugs | a kettle | napkins | dish soap'),
  batch('en', 'task', 'Translate the {} page into French', 'pricing | careers | contact | imprint | support'),
  batch('en', 'task', 'Check invoice {} against the delivery note', '1041 | 1042 | 1043 | 1044 | 1054'),
  batch('en', 'task', 'Update the {} dependency and run the tests', 'zod | undici | pino | vitest | biome'),
  batch('en', 'message', 'Your parcel has arrived and is waiting at the {} desk.', 'north | south | east | west'),
  batch('en', 'message', 'Reminder: your shift starts at {} tomorrow.', '7 am | 8 am | 9 am | 2 pm'),
  batch('en', 'message', 'The {} team won the quiz. Congratulations!', 'sales | support | finance | design | legal'),
  batch('en', 'message', 'Please send me the figures for {}.', 'January | February | March | April | May | June'),
  batch('en', 'memo', 'Rent for the {} office', 'Berlin | Paris | Oslo | Vienna | Porto'),
  batch('en', 'memo', 'Travel costs of {}', 'Ms Weber | Mr Okafor | Ms Lindqvist | Mr Tanaka'),
  batch('de', 'task', 'Rechnung von {} prüfen', 'Müller | Schneider | Yılmaz | Novak | Becker'),
  batch('de', 'message', 'Der Termin mit {} ist bestätigt.', 'dem Notar | der Bank | dem Steuerberater | der Ärztin'),
  batch('fr', 'task', 'Commander {} pour le bureau', 'du papier | des stylos | une lampe | des chaises'),
  batch('es', 'task', 'Llamar a {} por el presupuesto', 'Lucía | Mateo | Sofía | Diego'),
  batch('ru', 'task', 'Позвонить {} насчёт договора', 'Ивану | Анне | Петру | Марии'),
  batch('ja', 'task', '{}に見積もりを依頼する', '東京支社 | 大阪支社 | 札幌支社 | 福岡支社'),
  batch('zh', 'task', '给{}打电话确认时间', '张伟 | 王芳 | 李娜 | 刘洋'),
];

/** Two texts: the same in other words, or two that are both meant. */
export interface TextPair {
  readonly lang: string;
  readonly relation: 'reworded' | 'other';
  readonly a: string;
  readonly b: string;
}

const pairsFile = new URL(
  import.meta.url.endsWith('.ts')
    ? '../core/recognition/pairs/unseen.jsonl'
    : '../../../test/core/recognition/pairs/unseen.jsonl',
  import.meta.url,
);
let unseen: readonly TextPair[] | undefined;

function unseenPairs(): readonly TextPair[] {
  unseen ??= readFileSync(pairsFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TextPair);
  return unseen;
}

/** Returns texts of which the second says the same, mostly with few of the words. They were written without a look at the rules. */
export function quiteOtherWords(): readonly TextPair[] {
  return unseenPairs().filter(({ relation }) => relation === 'reworded');
}

/** Returns texts of which the second has another content. */
export function otherTexts(): readonly TextPair[] {
  return unseenPairs().filter(({ relation }) => relation === 'other');
}
