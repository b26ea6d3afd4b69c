/** A fault in a document that keeps one operation, or all of them, from being served. The caller adds where it is. */
export class DocumentFault extends Error {}
