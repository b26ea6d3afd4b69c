/**
 * Words of everyday business texts, as data. English is the largest, since most tools are called in it. A language that
 * is missing here still works: its words are compared as they are.
 *
 * A phrase of two words is joined by `_`. All words are lower case, without diacritics in Latin script.
 */

/** Words without content of their own. */
export const STOP_WORDS = [
  // English
  'a an the this that these those it its he she they them his her hers their theirs we us our ours you your yours i me my mine ' +
    'is are was were be been being am do does did done doing has have had having will would shall should can could may might must ' +
    'of in on at to for from by with about into onto over under as than then so and or but if when where who whom which while because since until ' +
    'there here also just very really quite too please kindly pls plz need needs needed want wants wanted like let lets get gets got ' +
    'make makes made sure ensure able know some any each such re via per regarding concerning what how why again now still already ' +
    'hi hello hey dear thanks thank thx regards cheers sincerely ok okay yes quick currently simply around across within out one ' +
    'during through only both own same other another more most much many well hope hoping wanted im ive id ill youre theyre weve its ' +
    'including included incl thats theres whats lets vs etc eg ie fyi asap appreciate appreciated greatly grateful wish ' +
    // What is left of don't, won't, and so on, after the negation.
    'hesitate worries don doesn didn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn ca',
  // German
  'der die das den dem des ein eine einen einem einer eines und oder aber wenn weil dass als wie mit fur von vom zu zum zur auf an am im in ' +
    'ist sind war waren sein wird werden wurde wurden hat haben hatte ich du er sie es wir ihr uns mich mir dich dir ihn ihm ihnen ' +
    'mein meine dein ihre ihren ihrem unser unsere bitte mal noch schon auch nur sehr hier da dort bei nach vor uber unter durch um aus ab ' +
    'mochte mochten konnen konnte soll sollte muss mussen kann hallo liebe lieber danke vielen dank grusse freundlichen beste damit denn sich man ' +
    'diese dieser dieses diesen diesem fuer ueber gerne bzgl bezuglich wegen kannst konnt konntest konnten konntet mag will wollen ' +
    'sollst sollten sollten wurdest wurdet sei seien darf durfen',
  // French
  'le la les un une des du de et ou mais si que qui quoi dont ce cet cette ces il elle ils elles nous vous je tu on mon ma mes ton ta tes ' +
    'son sa ses notre nos votre vos leur leurs est sont etait etaient etre ete sera seront a ai as avons avez ont avoir au aux en dans sur sous ' +
    'pour par avec chez vers plus tres aussi bien merci bonjour cordialement svp plait veuillez y se lui me te moi toi faut doit ' +
    'concernant afin comme donc l d j qu c s n m t peux peut peuvent pouvez pouvons pouvais pourrais pourrait pourriez pourrions ' +
    'voudrais voudrait voudrions vouloir veux veut voulons voulez dois devez devons devrais devriez',
  // Spanish
  'el los las unos unas y e o u pero porque como cuando donde quien cual este esta esto estos estas ese esa eso esos esas es son era eran ser ' +
    'sido estar estan ha han he hay haber tiene tienen mi mis tus su sus nuestro nuestra nosotros usted ustedes ellos ellas yo lo al del con ' +
    'sobre entre hasta desde muy mas tambien ya por para favor gracias hola estimado estimada saludos cordiales necesito quiero debe hacer se nos les le ' +
    'puede puedes pueden podemos podria podrias podrian podriamos quisiera queremos debemos deben',
  // Portuguese
  'os uns umas uma um da das do dos na nas nos ao aos pelo pela com em que mas quando onde quem isso isto este essa esse foi foram sao ' +
    'ser estao esta tem temos tenho seu sua seus suas nosso nossa meu minha eu ele ela eles voce voces muito tambem ja favor obrigado obrigada ' +
    'ola prezado prezada abracos atenciosamente preciso precisa deve fazer pra ' +
    'pode podes podem podemos poderia poderias poderiam gostaria queria devemos',
  // Italian, Dutch
  'il gli uno della dello dei degli delle nel nella nei che chi sono era essere stato per tra fra questo questa quello quella ' +
    'grazie ciao salve het een van voor met op te naar bij zijn wordt worden heeft hebben ik jij wij zij hij je deze dit dat alstublieft bedankt groeten ' +
    'puoi puoi potete possiamo potresti potrebbe potreste vorrei vorremmo devi dobbiamo ' +
    'kun kunt kunnen zou zouden graag willen moet moeten hoi hallo',
  // Swedish, Danish, Norwegian
  'ar och att det ett till pa av som jag vi ni kan kunde skulle ska vill hej tack snalla blev blir bli vara var hade er og jeg dere fra ' +
    'kunne vil skal blev bliver tak venligst takk vennligst',
  // Polish, Turkish
  'i w z ze na od po za sie jest sa byl byla bylo prosze czy ten ta te oraz dla przy moze mozesz mozecie moglbys moglaby dzien dobry dziekuje ' +
    'icin ile ve bir bu su da lutfen gibi olan olarak merhaba tesekkurler',
  // Russian
  'и в во на с со к ко о об обо от до из за по под над при для у же бы ли а но или что чтобы как так это этот эта эти того этого этой ' +
    'все всё он она они оно мы вы я ты его ее её их наш наша наши ваш ваша ваши мой моя свой быть был была были будет есть нужно надо можно ' +
    'пожалуйста спасибо здравствуйте привет добрый день уважением еще ещё уже тоже также прошу просьба очень нам вам мне вас нас',
  // Arabic, without its article
  'في من إلى الى على عن مع هذا هذه ذلك التي الذي أن ان إن كان كانت هو هي هم نحن أنا انت لقد قد ثم أو او و يرجى رجاء الرجاء فضلك شكرا مرحبا السلام عليكم تحية كل بعض عند يجب نرجو أرجو ارجو',
  // Hindi
  'का के की को से में पर और या है हैं था थे थी हो होना ने यह वह ये वे इस उस एक तक लिए साथ भी ही तो कि जो अपने अपना हम आप मैं कृपया धन्यवाद नमस्ते करें करना कर दें देना किया गया गई रहा रही चाहिए जाए बारे',
  // Chinese
  '的 了 是 在 和 与 及 或 也 都 就 而 被 把 将 给 对 向 从 到 于 为 为了 以 以便 请 您 你 我 我们 你们 他 她 它 他们 这 那 这个 那个 这些 那些 一下 有 会 能 可以 需要 要 应该 谢谢 您好 你好 吧 吗 呢 啊 着 过 个 份 张 条 件 之 其 等 並 并 且 并且 關於 关于 有关 的话 請 麻烦 已 已经 进行 做 想 让',
  // Japanese
  'の に は を が と で へ も や から まで より です ます でし まし た て し する さ れ せ いる い ある あり こと もの ため よう これ それ あれ この その あの ください 下さい 下さる お願い 願い いたし いたす 致し 致す お ご 御 願い お願いします ありがとう ございます こんにちは ね よ か な について ついて して します ました さん 様 という とも また なり なる くだ さい ので られ き',
  // Korean
  '및 그리고 또는 이 그 저 것 수 등 좀 꼭 제 우리 저희 부탁드립니다 부탁합니다 부탁 드립니다 주세요 해주세요 합니다 바랍니다 감사합니다 안녕하세요 대한 대해 관한 관해 위한 위해 있습니다 있는 하는 해 주시기 주십시오 입니다 에 를 을 은 는 의',
  // Thai
  'ที่ และ ใน ของ ให้ กับ เป็น จะ ได้ มี การ ความ ด้วย ครับ ค่ะ คะ โปรด กรุณา ขอ ว่า นี้ นั้น แล้ว',
].join(' ');

/**
 * Words that mean about the same, one group a line. `|` separates opposites: a text with one of them contradicts a text
 * with another.
 */
export const WORD_GROUPS = `
invoice bill billing | receipt
timeout timeouts time_out times_out timed_out timing_out
customer client clients buyer shopper
buy bought purchase purchased purchasing get_buy pick_up grab procure acquire
sell sold selling sale
pay paid payment payments settle remit settlement
fix fixed fixes repair repaired resolve resolved correct patch solve
bug issue defect error fault problem failure glitch trouble
meeting meet meetings call_meeting catch_up catchup sync session huddle
call phone ring dial telephone phone_call
send sent forward mail email e-mail emails deliver dispatch
write wrote written write_up draft compose author
create add created generate build set_up setup establish include attach insert append | remove delete removed drop erase take_out get_rid discard purge strip
enable activate turn_on switch_on enabled activated | disable deactivate turn_off switch_off disabled deactivated
increase raise grow boost bump increased higher_up | decrease reduce lower cut lowered reduced shrink
approve accept approved accepted approval | reject decline deny refuse rejected declined denied disapprove rejection
open opened reopen | close closed closing
start begin started launch kick_off commence resume | stop end finish halt terminate pause ended stopped
complete completed finished finish wrap_up finalize finalise conclude accomplish done_with
up upward upwards above | down downward downwards below
before prior earlier ahead | after following afterwards later_than
first | last final
next upcoming coming | previous past former prior_to
yes yep yeah | nope nah
ok okay alright
thanks thank thx
hi hello hey
congratulations congrats well_done great_job good_job great_work good_work
someone somebody
anyone anybody
everyone everybody
inbound incoming | outbound outgoing
login log_in sign_in signin log-in sign-in logging_in signing_in logs_in | logout log_out sign_out signout log-out sign-out | signup sign_up register registration sign-up signing_up signed_up signs_up
lock locked | unlock unlocked
block blocked | unblock unblocked
paid_up prepaid | unpaid outstanding overdue
subscribe subscription | unsubscribe
connect connected attach_to | disconnect disconnected detach
install installed | uninstall uninstalled
import imported | export exported
upload uploaded | download downloaded
allow permit grant allowed permitted give gave | forbid prohibit ban revoke
show display visible reveal unhide | hide hidden conceal
public | private
internal | external
high highest top | low lowest | medium
hot | cold | warm
small little tiny | large big huge | midsize
left | right
north northern | south southern | east eastern | west western
red | green | blue | yellow | black | white | purple | pink | brown | grey gray
old older | new newer newest latest
early | late
success succeeded successful successfully succeed works | failed fails failing unsuccessful
positive | negative
buyers | sellers
credit | debit
minimum min least | maximum max
morning | afternoon | evening | night
spring | summer | autumn | winter
weekly | monthly | daily | yearly annual annually | quarterly quarter | hourly
win won victory | lose lost losing
love loved | hate hated
good great excellent nice | bad poor terrible awful
cheap inexpensive | expensive costly
online | offline
inside indoor | outside outdoor
father dad | mother mum mom
male man men | female woman women
read | unread
mute muted | unmute unmuted
archive archived | unarchive restore
encrypt | decrypt
push | pull
borrow | lend
hire hired recruit | fire dismiss layoff
arrive arrival arriving | depart departure leave leaving
front | back rear
breakfast | lunch | dinner
frontend front-end front_end | backend back-end back_end
prod production live_environment | staging | dev_environment
schedule plan arrange organize organise book booking reserve reservation scheduled planned appointment
reschedule postpone move delay defer push_back shift
cancel cancelled canceled call_off abort scrap
remind reminder remember reminders
review check examine inspect look_at look_over go_over verify proofread validate
investigate look_into analyze analyse research analysis explore diagnose dig_into
discuss discussion talk speak chat conversation talk_about
update change modify edit revise adjust amend alter updated changes modification
improve enhance optimize optimise better improvement refine enhancement
prepare ready get_ready preparation fertig
help assist support aid assistance
ask request inquire enquire question requested query
answer reply respond response reply_to get_back replied responded
tell inform notify notification let_know announce notified update_on alert advise
document documentation docs doc paperwork
document_write describe explain outline
report summary overview recap
test tests testing tested
contract agreement
license licence licensing
labor labour
offer proposal quote quotation
price pricing cost costs fee charge charged
refund reimburse reimbursement money_back refunded refunding
order ordered orders ordering
ship shipping shipment delivery delivered shipped
product item article goods products items
employee staff coworker colleague team_member worker colleagues
company firm business organization organisation
boss manager supervisor
team group crew
task todo to-do action_item assignment
page screen view
button control
user users account_holder
website site web_site webpage homepage home_page
app application
slow sluggish slowly lagging
fast quick quickly rapid rapidly speedy
broken faulty defective malfunction not_working damaged
crash crashes crashing crashed
urgent urgently immediately critical important
big_issue serious severe
soon shortly
wrong incorrect incorrectly false
missing absent lacking
duplicate double twice duplicated copy
question_ask wonder
happy glad pleased delighted
sorry apologies apologize apologise apology
attached attachment enclosed
discount rebate reduction
job position role vacancy
candidate applicant
interview interviews
trip travel journey
flight flights plane
hotel accommodation lodging
room rooms
picture photo image photos pictures
movie film
kid kids child children
grocery groceries food_shopping
shop store
doctor physician
car vehicle auto
house home
money funds cash
monthly_bill statement
deadline due due_date
status progress state
feedback comments_on input
release ship_version rollout roll_out deploy deployment deployed rolled_out publish published
server host_machine
database db
feature functionality function
refactor restructure rework clean_up cleanup tidy rewrite
rename renamed
upgrade upgraded
replace replacement substitute swap exchange replaced
handle handling deal_with process processing take_care
prevent avoid avoids
happen happens occur occurs occurred
try attempt tried
use using utilize utilise used employ
receive received obtain gotten
find found locate discover
clean wash
office workplace
follow_up contact reach_out get_in_touch
visit visiting drop_by stop_by
package parcel
address location place
people persons attendees participants guests
late_running delayed
today's_agenda agenda
mistake mistakenly accidentally
renew renewal extend extension
water watering
feed feeding
collect fetch retrieve
submit hand_in file_in turn_in submitted
password passcode
stops_working hangs freezes freeze hang
empty blank
info information details
rechnung faktura rechnungen | quittung beleg
kunde kunden kundin auftraggeber
kaufen einkaufen besorgen gekauft kauf erwerben
bezahlen zahlen zahlung bezahlt begleichen uberweisen uberweisung
beheben reparieren korrigieren behoben fixen losen reparatur
fehler problem bug defekt storung
besprechung meeting termin treffen sitzung
anrufen telefonieren anruf
senden schicken versenden verschicken zusenden gesendet geschickt
erstellen anlegen hinzufugen erstellt erzeugen | loschen entfernen geloscht
aktivieren einschalten anschalten | deaktivieren ausschalten abschalten
erhohen steigern anheben | senken verringern reduzieren
genehmigen annehmen freigeben | ablehnen abgelehnt
offnen | schliessen schließen
vor vorher | nachher danach
anmeldung anmelden einloggen login | abmeldung abmelden ausloggen
prufen uberprufen kontrollieren durchsehen anschauen
besprechen diskutieren reden
aktualisieren andern anpassen bearbeiten
planen vereinbaren organisieren buchen reservieren ansetzen
verschieben verlegen
absagen stornieren
erinnern erinnerung
vertrag vereinbarung
angebot offerte
bericht report zusammenfassung
lieferung versand zustellung
erstatten ruckerstattung erstattung zuruckzahlen
schreiben verfassen
vorbereiten vorbereitung
fragen anfragen nachfragen
antworten beantworten antwort
dringend eilig schnell
facture factures
client clients acheteur
acheter achat achete
payer regler paiement reglement
corriger reparer resoudre correction
erreur bogue probleme anomalie
reunion rendez-vous rencontre
appeler telephoner appel
envoyer transmettre expedier
creer ajouter | supprimer effacer retirer
activer | desactiver
augmenter | diminuer reduire baisser
approuver accepter valider | refuser rejeter
ouvrir | fermer
avant | apres
verifier controler examiner relire
modifier changer
planifier organiser programmer reserver
reporter decaler
annuler
rappeler rappel
contrat accord
commande commandes
livraison expedition
rembourser remboursement
rapport compte-rendu
factura facturas recibo_factura
cliente clientes
comprar compra adquirir
pagar pago abonar
corregir arreglar reparar solucionar
error problema fallo incidencia averia
reunion cita junta
llamar telefonear llamada
enviar mandar remitir envio
crear anadir agregar | eliminar borrar quitar
activar habilitar | desactivar deshabilitar
aumentar subir | disminuir reducir bajar
aprobar aceptar | rechazar
abrir | cerrar
antes | despues
revisar comprobar verificar
cambiar modificar actualizar
programar planificar agendar organizar
aplazar posponer
contrato acuerdo
pedido encargo
reembolso reembolsar devolver devolucion
informe reporte
fatura
pagar pagamento
corrigir correcao consertar resolver arrumar
erro falha defeito
reuniao encontro
ligar telefonar chamar
criar adicionar | excluir apagar remover
ativar habilitar | desativar desabilitar
aprovar aceitar | rejeitar recusar
abrir | fechar
antes | depois
revisar verificar conferir
marcar agendar programar
adiar remarcar
relatorio informe
reembolso reembolsar estorno
счет счёт счета инвойс
клиент заказчик клиента покупатель клиенту
купить приобрести покупка
оплатить оплата заплатить платеж платёж
исправить починить устранить исправление
ошибка баг проблема сбой ошибку проблему
встреча совещание собрание встречу
позвонить звонок созвониться
отправить послать выслать отправка
создать добавить | удалить убрать
включить активировать | выключить отключить
увеличить повысить | уменьшить снизить
одобрить принять | отклонить
открыть | закрыть
до раньше перед | после потом
проверить посмотреть просмотреть проверка
изменить обновить поменять
назначить запланировать
перенести отложить
договор контракт
отчет отчёт доклад
вернуть возврат
написать составить
فاتورة الفاتورة
عميل زبون
شراء اشتر
دفع سداد
إصلاح تصحيح
خطأ مشكلة
اجتماع لقاء
اتصال اتصل
إرسال ارسال أرسل
إضافة إنشاء | حذف إزالة
تفعيل | تعطيل
قبل | بعد
مراجعة فحص تحقق
عقد اتفاقية
تقرير ملخص
चालान बिल
ग्राहक
खरीदना खरीदें खरीदो
भुगतान अदायगी
ठीक सुधारना सुधारें
समस्या त्रुटि बग गड़बड़ी
बैठक मीटिंग
कॉल फोन फ़ोन
भेजना भेजें भेजो
जोड़ें बनाएं | हटाएं मिटाएं
पहले | बाद
जांच समीक्षा जाँच
रिपोर्ट प्रतिवेदन
发票 账单 帳單
客户 顾客 客戶
购买 买 采购 购置
支付 付款 付 缴纳
修复 解决 修理 修正 修 处理
错误 问题 故障 缺陷 bug
会议 开会 会 碰头
打电话 致电 电话 通话 联系
发送 发 寄 发给 发出 寄送
创建 添加 新建 增加 建立 | 删除 移除 去掉
启用 开启 激活 | 禁用 停用
提高 增加量 上调 | 降低 减少 下调
批准 同意 通过 | 拒绝 驳回
打开 | 关闭
之前 前 以前 | 之后 后 以后
登录 登陆 | 退出 登出 | 注册
检查 审核 审查 查看 核对
修改 更新 更改 变更
安排 预订 预约 计划 预定
推迟 延期 改期
取消
提醒 记得
合同 协议
报告 汇报
讨论 商量 商讨
准备 筹备
上午 早上 | 下午 | 晚上
请求書 請求
顧客 お客様 取引先 クライアント
購入 買う 買い 買っ 買 購入し
支払い 支払 支払う 払う 払い
修正 直す 修理 直し 直
エラー バグ 不具合 問題 障害
会議 ミーティング 打ち合わせ 打合せ
電話 連絡 コール
送信 送る 送付 送っ 送り 送
追加 作成 作る 新規 | 削除 消去
有効 有効化 | 無効 無効化
増やす 上げる | 減らす 下げる
承認 許可 | 却下 拒否
開く | 閉じる
ログイン サインイン | ログアウト
確認 チェック レビュー 確かめ
変更 更新
予約 手配 設定
延期 変更日
契約 契約書
報告 レポート 報告書
午前 | 午後
前 以前 | 後 以後
청구서 인보이스 송장
고객 거래처 손님
구매 구입 사기 사다
결제 지불 납부
수정 고치기 해결
오류 버그 문제 에러
회의 미팅
전화 통화 연락
보내기 전송 발송 보내 송부
추가 생성 작성 | 삭제 제거
활성화 켜기 | 비활성화 끄기
승인 허가 | 거절 반려
로그인 | 로그아웃
확인 검토 점검
변경 업데이트 갱신
예약 일정 잡기
연기 미루기
계약 계약서
보고서 리포트 보고
오전 | 오후
전에 이전 | 후에 이후
`;

/** Opposites among small words, which are not content otherwise. They count in short texts. */
export const SMALL_OPPOSITES = `
in | out
more additional | fewer less
this current | next upcoming coming | last previous past
most | least
over | under
for | against
to | from
mehr | weniger
ein an | aus
diese dieser dieses diesen diesem | nachste nachster nachstes nachsten nachstem kommende kommenden | letzte letzter letztes letzten letztem vorige vorigen
plus | moins
ce cet cette | prochain prochaine | dernier derniere
mas | menos
este esta | proximo proxima | pasado pasada
`;

/** Content words that say little: a rewording adds them. The words of the groups above count too. */
export const GENERIC_WORDS =
  'code case cases together jointly between anyone anybody someone somebody everyone everybody month heads note behaviour behavior running run work works working part kind type sort thing things stuff ' +
  'matter topic subject file files version list data value values name named text message entry record go going take taken give given keep say says said tell told see seen look looks put set turn come kommen venir venez ' +
  'yet ever properly correctly fully soon possible necessary needed required available new own certain specific following respective section ' +
  'neu neue neuen neuer neues nouveau nouvelle nuevo nueva novo nova nuovo nuova nowy nowa nowe nowego nowej pois jetzt nun finden anhang anbei erhalten ausmachen zusammen gemeinsam monat thema sache teil ensemble mois maintenant juntos juntas mes fue fueron ahora foi foram agora insieme mese har tillsammans samen вместе месяц 去 来 现在 一起 一同 共同 一緒 一緒に 함께 같이 दिया दी दिए';

/** Words that turn a text into its opposite. */
export const NEGATIONS =
  'not no never without cannot cant none nothing nobody neither nor unable off nicht kein keine keinen keinem keiner niemals nie ohne nein ' +
  'pas jamais sans aucun aucune nunca sin ningun ninguna tampoco nao nem sem nenhum nenhuma non niet geen ' +
  'не нет никогда без нельзя لا لم لن ليس بدون غير नहीं मत बिना 不 没 没有 別 别 勿 未 不要 无法 不能 不用 無い ない なく なかっ ません ず 不可 안 못 않 없이 없는 없음 마세요 금지 ไม่';

/** Words of the form "not X" that do not negate the text. */
export const NOT_NEGATED = 'hesitate worries problem only later longer rush zogern hesiter dude';

/** Numbers by their words, in order from 1. Words for one number are joined by `/`. */
export const NUMBER_WORDS = [
  'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty',
  'first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth',
  '- zwei/zwo drei vier funf/fuenf sechs sieben acht neun zehn elf zwolf/zwoelf',
  'erste/erster/erstes/ersten zweite/zweiter/zweites/zweiten dritte/dritter/drittes/dritten vierte/vierter/vierten funfte/funfter/funften',
  '- deux trois quatre cinq six sept huit neuf dix onze douze',
  'premier/premiere deuxieme troisieme quatrieme cinquieme',
  '- dos tres cuatro cinco seis siete ocho nueve diez doce',
  'primero/primera/primer segundo/segunda tercero/tercera/tercer cuarto/cuarta quinto/quinta',
  '- dois/duas tres quatro cinco seis sete oito nove dez onze doze',
  'primeiro/primeira segundo/segunda terceiro/terceira',
  '- twee drie vier vijf zes zeven acht negen tien',
  'один/одна/одну два/две/двух три/трех/трёх четыре/четырех пять/пяти шесть/шести семь/семи восемь/восьми девять/девяти десять/десяти',
  'первый/первая/первую/первое/первого второй/вторая/вторую/второе/второго третий/третья/третью/третье/третьего',
  'واحد/واحدة اثنان/اثنين/اثنتين ثلاثة/ثلاث أربعة/اربعة/أربع خمسة/خمس ستة/ست سبعة/سبع ثمانية/ثماني تسعة/تسع عشرة/عشر',
  'الأول/الأولى الثاني/الثانية الثالث/الثالثة',
  '- दो तीन चार पांच/पाँच छह/छः सात आठ नौ दस',
  'पहला/पहली दूसरा/दूसरी/दूसरे तीसरा/तीसरी/तीसरे',
  '一/壹 二/两/兩/貳 三 四 五 六 七 八 九 十',
  '第一 第二 第三 第四 第五 第六 第七 第八 第九 第十',
  '一つ 二つ 三つ 四つ 五つ',
  '하나/한 둘/두 셋/세 넷/네 다섯 여섯 일곱 여덟 아홉 열',
  '첫째/첫번째 둘째/두번째 셋째/세번째',
];

/** Tens and larger numbers by their words. */
export const LARGE_NUMBER_WORDS =
  'thirty:30 forty:40 fifty:50 sixty:60 seventy:70 eighty:80 ninety:90 hundred:100 thousand:1000 million:1000000 dozen:12 ' +
  'zwanzig:20 dreissig:30 vierzig:40 funfzig:50 hundert:100 tausend:1000 vingt:20 trente:30 cent:100 mille:1000 ' +
  'veinte:20 treinta:30 cien:100 mil:1000 vinte:20 trinta:30 cem:100 двадцать:20 тридцать:30 сто:100 тысяча:1000 百:100 千:1000 万:10000';

/** Months in order, full names and unmistakable short forms. */
export const MONTHS = [
  'january/jan/januar/janvier/enero/janeiro/gennaio/januari/января/январь/يناير/जनवरी/1월/一月',
  'february/feb/februar/fevrier/febrero/fevereiro/febbraio/februari/февраля/февраль/فبراير/फरवरी/二月',
  'march/marz/maerz/mars/marzo/marco/maart/марта/март/مارس/मार्च/三月',
  'april/apr/avril/abril/aprile/апреля/апрель/أبريل/ابريل/अप्रैल/四月',
  'may/mai/mayo/maio/maggio/мая/май/مايو/मई/五月',
  'june/jun/juni/juin/junio/junho/giugno/июня/июнь/يونيو/जून/六月',
  'july/jul/juli/juillet/julio/julho/luglio/июля/июль/يوليو/जुलाई/七月',
  'august/aug/aout/agosto/augustus/августа/август/أغسطس/اغسطس/अगस्त/八月',
  'september/sep/sept/septembre/septiembre/setembro/settembre/сентября/сентябрь/سبتمبر/सितंबर/सितम्बर/九月',
  'october/oct/oktober/okt/octobre/octubre/outubro/ottobre/октября/октябрь/أكتوبر/اكتوبر/अक्टूबर/अक्तूबर/十月',
  'november/nov/novembre/noviembre/novembro/ноября/ноябрь/نوفمبر/नवंबर/नवम्बर/十一月',
  'december/dec/dezember/dez/decembre/diciembre/dezembro/dicembre/декабря/декабрь/ديسمبر/दिसंबर/दिसम्बर/十二月',
];

/** Days of the week from Monday, then days relative to today. */
export const DAYS = [
  'monday/mon/montag/lundi/lunes/segunda-feira/lunedi/maandag/понедельник/понедельника/الاثنين/الإثنين/सोमवार/星期一/周一/週一/礼拜一/月曜日/月曜/월요일',
  'tuesday/tue/tues/dienstag/mardi/martes/terca-feira/martedi/dinsdag/вторник/вторника/الثلاثاء/मंगलवार/星期二/周二/週二/礼拜二/火曜日/火曜/화요일',
  'wednesday/wed/mittwoch/mercredi/miercoles/quarta-feira/mercoledi/woensdag/среда/среду/среды/الأربعاء/الاربعاء/बुधवार/星期三/周三/週三/礼拜三/水曜日/水曜/수요일',
  'thursday/thu/thur/thurs/donnerstag/jeudi/jueves/quinta-feira/giovedi/donderdag/четверг/четверга/الخميس/गुरुवार/星期四/周四/週四/礼拜四/木曜日/木曜/목요일',
  'friday/fri/freitag/vendredi/viernes/sexta-feira/venerdi/vrijdag/пятница/пятницу/пятницы/الجمعة/शुक्रवार/星期五/周五/週五/礼拜五/金曜日/金曜/금요일',
  'saturday/sat/samstag/samedi/sabado/sabato/zaterdag/суббота/субботу/субботы/السبت/शनिवार/星期六/周六/週六/礼拜六/土曜日/土曜/토요일',
  'sunday/sun/sonntag/dimanche/domingo/domenica/zondag/воскресенье/воскресенья/الأحد/الاحد/रविवार/星期日/星期天/周日/週日/日曜日/日曜/일요일',
  'today/heute/aujourd/aujourdhui/hoy/hoje/oggi/vandaag/сегодня/اليوم/आज/今天/今日/오늘',
  'tomorrow/morgen/demain/manana/amanha/domani/завтра/غدا/غدًا/明天/明日/내일',
  'yesterday/gestern/ayer/ontem/ieri/вчера/أمس/昨天/昨日/어제',
  'tonight',
];

/** Short forms that are other words in lower case. */
export const CAPITALISED_DATES = 'may march sept mon sun sat wed thu fri jan mar jun jul sep dec mars mai marco';

/** Units after a number. Words for one unit are joined by `/`. */
export const UNITS =
  'kg/kilo/kilos/kilogram/kilograms g/gram/grams/gramm mg t/ton/tons/tonne/tonnes lb/lbs oz/ounce/ounces km/kilometer/kilometers/kilometre/kilometres ' +
  'm/meter/meters/metre/metres cm mm mi/mile/miles ft/feet/foot l/liter/liters/litre/litres ml kb mb/megabyte/megabytes gb/gigabyte/gigabytes tb ' +
  'ms/millisecond/milliseconds s/sec/secs/seconds/sekunden min/mins/minute/minutes/minuten/minutos/мин/минут/分钟/分/분 ' +
  'h/hr/hrs/hour/hours/stunde/stunden/heure/heures/hora/horas/час/часа/часов/小时/時間/시간 day/days/tag/tage/tagen/jour/jours/dia/dias/день/дня/дней/天 ' +
  'week/weeks/woche/wochen/semaine/semaines/semana/semanas/неделя/недели/недель month/months/monat/monate/mois/mes/meses/месяц/месяца ' +
  'year/years/jahr/jahre/ans/ano/anos/год/года/лет %/percent/prozent/procent/процентов/процента px em rem kw kwh mhz ghz rpm kmh';

/** Currencies: ISO code, signs and words. */
export const CURRENCIES =
  'usd/$/us$/dollar/dollars/buck/bucks/доллар/долларов/美元/ドル/달러 eur/€/euro/euros/евро/欧元/ユーロ/유로 gbp/£/pound/pounds/quid jpy/¥/yen/円 ' +
  'cny/rmb/yuan/元/人民币/块 inr/₹/rupee/rupees/rs/रुपये/रुपए rub/₽/ruble/rubles/rouble/рублей/рубля/рубль/руб brl/r$/reais/real chf/franken krw/₩/원 ' +
  'cad/c$ aud/a$ sek nok dkk pln czk mxn/pesos/peso sgd hkd nzd zar try/₺ aed/درهم sar/ريال ils/₪ uah/₴ ngn/₦';

/** Openings of a letter, up to the first comma, exclamation mark or line break. */
export const GREETINGS =
  'hi hello hey dear greetings good_morning good_afternoon good_evening hallo hi_zusammen liebe lieber liebes guten_tag guten_morgen sehr_geehrte sehr_geehrter moin ' +
  'servus bonjour salut cher chere bonsoir hola estimado estimada buenos_dias buenas_tardes querido querida ola prezado prezada bom_dia boa_tarde caro cara ciao salve ' +
  'gentile beste geachte привет здравствуйте добрый_день уважаемый уважаемая уважаемые مرحبا السلام_عليكم عزيزي नमस्ते प्रिय';

/** Lines that end a letter. What follows is the signature. */
export const SIGN_OFFS =
  'best regards kind_regards warm_regards best_regards best_wishes cheers thanks thank_you many_thanks sincerely yours yours_sincerely yours_truly thx cordially respectfully ' +
  'mit_freundlichen mit_freundlichem viele_grusse viele_gruesse beste_grusse liebe_grusse freundliche_grusse gruss lg mfg vg danke vielen_dank cordialement bien_cordialement merci ' +
  'sinceres_salutations bien_a saludos atentamente un_saludo cordiales_saludos gracias atenciosamente abracos obrigado obrigada cordialmente cordiali_saluti grazie ' +
  'met_vriendelijke groeten с_уважением спасибо مع_التحية مع_أطيب تحياتي شكرا सादर धन्यवाद';

/** Words between which the order of two names counts. */
export const DIRECTIONS =
  'from to into von nach zu from_to de a para vers из в от к 从 到 至 から まで へ 에서 에게 ->';

/** Words that are found in German texts only, where every noun has a capital letter. */
export const GERMAN_MARKS =
  'der die das den dem des ein eine einen einem einer und oder mit fur von vom zu zum zur auf im ist sind wird wurde nicht kein keine bitte wir ich sie uns unser unsere bei nach uber';
export const PORTUGUESE_MARKS = 'do da dos das em um uma com os nao para pelo pela voce foi ao';
