#!/usr/bin/env node
// Writes the generated part of the labelled pairs: items of one form (other) and one item in two wordings (reworded).
// Usage: node generate.mjs SEED COUNT dev|held-out   (prints JSON lines; the same seed gives the same pairs)
// The two sets share neither forms nor words, so that the held-out set measures what nobody tuned for.

/** Forms: `lang|kind|wording|other wording ...`; `{x}` is a slot of the list x. */
const sets = {
  dev: {
    forms: [
      'en|task|Buy {item} for the {place}|Get {item} for the {place}, please|We need to purchase {item} for the {place}',
      'en|issue|Fix {defect} in the {module}|The {module} has a problem: fix {defect}|Please repair {defect} in {module}',
      'en|email|Hi {person},\\nthe {document} is ready. Please review it by {day}.\\nBest regards\\nSam|Dear {person},\\nplease check the {document} by {day}, it is ready now.\\nThanks,\\nSam',
      'en|invoice|{service}, {month} 2026|{service} in {month} 2026|{service} for the month of {month} 2026',
      'en|calendar|Meeting with {person} about the {topic}|Meet {person} to discuss the {topic}|{topic} meeting with {person}',
      'en|support|Customer {person} reports that the {product} arrived {state}. They ask for a refund of {amount} USD.|The {product} of customer {person} arrived {state}; a refund of {amount} dollars is requested.',
      'en|chat|The {module} deploy is done, took {number} minutes|Deployment of the {module} finished after {number} minutes',
      'en|commit|Add {feature} to the {module}|Adds the {feature} to {module}',
      'de|task|{item_de} für {place_de} kaufen|Bitte {item_de} für {place_de} besorgen',
      'de|email|Hallo {person},\\ndie Unterlagen zum Thema {topic_de} sind fertig.\\nGruß\\nSam|Liebe {person},\\nUnterlagen zum Thema {topic_de} sind jetzt fertig.\\nViele Grüße\\nSam',
      'fr|task|Envoyer {document_fr} à {person}|Transmettre {document_fr} à {person} svp',
      'es|task|Enviar {document_es} a {person}|Mandar {document_es} a {person}, por favor',
      'pt|task|Preparar {document_pt} para {month_pt}|Preparação: {document_pt} para {month_pt}',
      'ru|task|Подготовить {document_ru} для клиента|Нужно подготовить {document_ru} для клиента',
      'zh|task|请购买{item_zh}|购买{item_zh}|买{item_zh}',
      'ja|task|{item_ja}を買う|{item_ja}を購入する',
      'ko|task|{item_ko} 구매하기|{item_ko} 구입',
    ],
    lists: {
      item: 'coffee,printer paper,batteries,apples,tea,candles,flour,light bulbs,soap,rice',
      place: 'office,kitchen,garden,workshop,studio,garage',
      defect: 'the memory leak,the broken link,the wrong total,the missing icon,the race condition,the encoding error',
      module: 'parser,search page,billing service,mobile app,gateway,editor',
      person: 'Anna,Ben,Clara,David,Elena,Farid,Grace,Hiro',
      document: 'proposal,budget,presentation,lease,manual,press release',
      day: 'Monday,Tuesday,Wednesday,Thursday,Friday',
      service: 'Consulting,Hosting,Translation,Gardening,Bookkeeping,Photography',
      month: 'January,February,March,April,May,June,July',
      topic: 'budget,logo,warehouse,campaign,audit,website',
      product: 'lamp,chair,camera,blender,backpack,keyboard',
      state: 'broken,dirty,scratched,wet',
      amount: '20,35,49.90,120,1500',
      number: '3,4,7,12,15,25',
      feature: 'dark theme,undo command,audit log,keyboard shortcuts,pagination,cache',
      item_de: 'Kaffee,Papier,Äpfel,Kerzen,Mehl,Seife',
      place_de: 'das Büro,die Küche,den Garten,die Werkstatt',
      topic_de: 'Haushalt,Umzug,Steuer,Marketing,Personal',
      document_fr: 'le contrat,le devis,la brochure,le rapport,la photo',
      document_es: 'el contrato,el presupuesto,el folleto,el informe,la foto',
      document_pt: 'o contrato,o orçamento,o convite,a planilha,o cartaz',
      month_pt: 'março,abril,maio,junho,julho',
      document_ru: 'договор,смету,презентацию,макет,каталог',
      item_zh: '咖啡,打印纸,电池,苹果,茶叶,蜡烛',
      item_ja: 'コーヒー,電池,りんご,お茶,石鹸,米',
      item_ko: '커피,건전지,사과,녹차,비누,쌀',
    },
  },
  'held-out': {
    forms: [
      'en|task|Remind {name} to return the {thing}|Send {name} a reminder to return the {thing}|{name} should be reminded to return the {thing}',
      'en|issue|{part} shows {symptom} after {event}|After {event}, the {part} shows {symptom}',
      'en|email|Dear {name},\\nthank you for your interest in our {course}. The course starts on {date} and costs {price} USD.\\nKind regards,\\nThe Academy|Hello {name},\\nthanks for your interest in the {course}! It costs {price} dollars, and the course starts on {date}.\\nBest,\\nThe Academy',
      'en|invoice|{work} of the {object}, {hours} hours|{hours} hours of {work} for the {object}',
      'en|calendar|{activity} with the {group}|{activity} together with the {group}',
      'en|support|The {machine} in room {room} does not start|{machine} in room {room} doesn\\u0027t start',
      'en|note|Recipe: {dish} with {side}|{dish} with {side} (recipe)',
      'en|chat|Heads up: {part} will be down for {hours} hours tonight|Tonight the {part} will be down for {hours} hours, heads up',
      'de|task|Termin mit {name} wegen {sache} vereinbaren|Mit {name} einen Termin wegen {sache} ausmachen und vereinbaren',
      'de|invoice|{arbeit} im {monat}|{arbeit} für {monat}',
      'fr|calendar|Réunion sur {sujet} à {heure}|{heure} : réunion sur {sujet}',
      'es|support|El cliente dice que {cosa} no funciona|Según el cliente, {cosa} no funciona',
      'pt|task|Ligar para {name} sobre {assunto}|Telefonar para {name} sobre {assunto}',
      'ru|issue|Ошибка в модуле {modul}|В модуле {modul} есть ошибка',
      'zh|calendar|与{group_zh}讨论{topic_zh}|和{group_zh}一起讨论{topic_zh}',
      'ja|issue|{screen_ja}画面が表示されない|{screen_ja}画面が表示されません',
      'ko|task|{doc_ko} 작성|{doc_ko}를 작성하기',
      'ar|task|إرسال {doc_ar} اليوم|يرجى إرسال {doc_ar} اليوم',
      'hi|task|{doc_hi} तैयार करें|कृपया {doc_hi} तैयार करें',
    ],
    lists: {
      name: 'Olga,Peter,Quentin,Rosa,Stefan,Tanya,Umar,Vera',
      thing: 'library book,ladder,bicycle,projector,tent,guitar',
      part: 'calendar widget,invoice table,login form,status page,report editor,address field',
      symptom: 'stale data,a blank area,duplicate rows,an endless spinner,garbled text',
      event: 'a refresh,an update,a time-out,the migration,switching tabs',
      course: 'pottery workshop,Spanish class,coding bootcamp,first aid training',
      date: 'January 7,March 12,May 21,September 3,October 30',
      price: '80,95,150,240,1200',
      work: 'painting,cleaning,rewiring,inspection,tiling',
      object: 'staircase,roof,lobby,north wing,basement',
      hours: '2,3,5,8,16',
      activity: 'Brainstorming,Rehearsal,Picnic,Retrospective,Photo shoot',
      group: 'choir,interns,board,neighbours,volunteers',
      machine: 'projector,coffee machine,scanner,dishwasher',
      room: '101,102,204,310',
      dish: 'lentil soup,roast chicken,pancakes,grilled fish,noodles',
      side: 'spinach,mushrooms,honey,beans,rice',
      sache: 'Mietvertrag,Fahrzeug,Projektplan,Urlaub,Schulung',
      arbeit: 'Gartenpflege,Übersetzung,Buchhaltung,Reinigung',
      monat: 'Januar,Februar,März,April,Juni',
      sujet: 'le recrutement,le stock,la sécurité,le calendrier',
      heure: '9h30,10h00,14h15,16h45',
      cosa: 'la impresora,el teclado,la pantalla,el enlace',
      assunto: 'o aluguel,a viagem,o curso,o carro',
      modul: 'оплаты,поиска,печати,архива',
      group_zh: '设计团队,财务部门,供应商,律师',
      topic_zh: '预算,包装,合作条款,招聘',
      screen_ja: '設定,検索,注文,印刷',
      doc_ko: '제안서,일정표,안내문,회의록',
      doc_ar: 'العرض,الجدول,الصور,القائمة',
      doc_hi: 'प्रस्ताव,सूची,निमंत्रण,बजट',
    },
  },
};

/** Mulberry32. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function* pairs(seed, count, set) {
  const next = random(seed);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const { forms, lists } = sets[set];
  const values = Object.fromEntries(Object.entries(lists).map(([name, text]) => [name, text.split(',')]));
  const fill = (form, chosen) =>
    form
      .replace(/\{(\w+)\}/g, (_, name) => chosen[name])
      .replaceAll('\\n', '\n')
      .replaceAll('\\u0027', "'");
  const seen = new Set();
  for (let made = 0, tries = 0; made < count && tries < count * 50; tries += 1) {
    const [lang, kind, ...wordings] = forms[tries % forms.length].split('|');
    const slots = [...new Set([...wordings[0].matchAll(/\{(\w+)\}/g)].map(([, name]) => name))];
    const chosen = Object.fromEntries(slots.map((name) => [name, pick(values[name])]));
    const isOther = next() < 0.5;
    const changed = { ...chosen };
    if (isOther) {
      const slot = pick(slots);
      changed[slot] = pick(values[slot].filter((value) => value !== chosen[slot]));
    }
    // Half of the items of a batch have the same form, as a model writes them; the others do not.
    const first = pick(wordings);
    const second = isOther && next() < 0.7 ? first : pick(wordings.filter((each) => each !== first));
    const [a, b] = [fill(first, chosen), fill(second, changed)];
    if (seen.has(`${a}|${b}`)) continue;
    seen.add(`${a}|${b}`);
    made += 1;
    yield { set, lang, kind, relation: isOther ? 'other' : 'reworded', isOneForm: first === second, a, b };
  }
}

if (process.argv[1] === import.meta.filename) {
  const [seed = '1', count = '100', set = 'dev'] = process.argv.slice(2);
  for (const pair of pairs(Number(seed), Number(count), set)) console.log(JSON.stringify(pair));
}
