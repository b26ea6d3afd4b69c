/**
 * Words of other languages that tell an effect beside a status of refusal. Without a status or a code, each text in
 * another language than English leaves doubt.
 */
const effects =
  /^(?:gesendet|versendet|verschickt|zugestellt|erstellt|angelegt|erzeugt|gebucht|bezahlt|belastet|abgebucht|überwiesen|gespeichert|erfasst|bestellt|aufgegeben|ausgeführt|gelöscht|aktualisiert|veröffentlicht|hinzugefügt|storniert|verarbeitet|eingezogen|(?:créé|envoyé|payé|débité|enregistré|effectué|publié|supprimé|ajouté|traité|réservé|facturé|passé|encaissé)e?s?|(?:cread|enviad|pagad|cobrad|guardad|realizad|publicad|eliminad|añadid|procesad|reservad|cargad|criad|salv|cobrad|processad|efetuad|inviat|pagat|addebitat|salvat|eseguit|pubblicat|effettuat|incassat)(?:o|a|os|as|i|e)|creat[oai]|(?:aangemaakt|verzonden|verstuurd|betaald|afgeschreven|opgeslagen|geplaatst|verwerkt|geboekt|verwijderd))$/u;
const negations =
  /^(?:nicht|kein\w{0,2}|nie|ohne|pas|non|ne|n'\p{L}+|aucune?|sans|no|ningun\w?|ningún|sin|não|nenhuma?|sem|nessun\w?|senza|niet|geen|zonder)$/u;
const modals =
  /^(?:muss|müssen|kann|können|soll|sollen|darf|dürfen|wenn|falls|bereits|schon|doit|doivent|peut|peuvent|déjà|debe|deben|puede|pueden|ya|deve|devem|devono|pode|podem|può|possono|già|já|moet|moeten|kan|kunnen|al|reeds)$/u;
const contrast = /(?<!\p{L})(?:aber|jedoch|allerdings|doch|mais|cependant|pero|mas|porém|ma|però|maar)(?!\p{L})/u;
/** Chinese, Japanese, Korean and Russian join words, or inflect them: a few frequent forms. */
const otherScripts =
  /(?:作成|送信|保存|登録|決済|更新|削除|予約|投稿|完了)(?:しました|されました|済み)|已(?:经)?(?:创建|发送|支付|扣款|提交|保存|完成|删除|預訂|預定|建立)|(?:생성|전송|저장|결제|완료)(?:되었|했|됐)|(?<!не )(?:создан|отправлен|оплачен|сохран[её]н|списан|выполнен|оформлен)[аоы]?(?!\p{L})/u;

/** Whether a text in another language than English tells an effect that is neither negated nor only possible. */
export function tellsForeignEffect(text: string): boolean {
  const plain = text.slice(0, 4_096).replace(/’/g, "'").toLowerCase();
  if (otherScripts.test(plain)) return true;
  const hasContrast = contrast.test(plain);
  return plain.split(/[\n;:!?,()[\]]+|\.(?:\s|$)/).some((clause) => {
    const words = clause.match(/[\p{L}\p{N}'-]+/gu) ?? [];
    if (!words.some((word) => effects.test(word)) || words.some((word) => negations.test(word))) return false;
    return hasContrast || !words.some((word) => modals.test(word));
  });
}

const foreignWords =
  /(?<!\p{L})(?:nicht|wurden?|konnten?|kein(?:e|en|er)?|ungültig\w*|fehlgeschlagen|n'est|n'existe|n'a|introuvable|été|invalide|échoué|encontrad[oa]s?|inválid[oa]s?|existe|fue|não|foi|trovat[oaie]|stat[oa]|valido|impossibile|niet|gevonden|ongeldige?)(?!\p{L})/iu;
const otherLetters =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Cyrillic}\p{Script=Arabic}]/u;

/** Whether a text is in another language than English, apart from quoted arguments. */
export function isForeign(text: string): boolean {
  const plain = text
    .slice(0, 4_096)
    .replace(/’/g, "'")
    .replace(/"[^"\n]{1,200}"|`[^`\n]{1,200}`|(?<!\p{L})'[^'\n]{1,200}'(?!\p{L})/gu, ' ');
  return foreignWords.test(plain) || otherLetters.test(plain);
}
