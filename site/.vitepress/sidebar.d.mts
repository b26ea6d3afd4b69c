interface Entry {
  readonly text: string;
  readonly link?: string;
  readonly items?: readonly { readonly text: string; readonly link: string }[];
}

export function sidebarOf(docs: string): Entry[];
