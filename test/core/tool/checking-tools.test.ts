import { expect, test } from 'vitest';
import { checkingTools } from '../../../src/core/tool/checking-tools.ts';

const readers = 'list_invoices get_invoice list_customers search_invoice_lines get_user count_things'.split(' ');

test.each<[string, readonly string[], readonly string[]]>([
  ['create_invoice', readers, ['get_invoice', 'list_invoices', 'search_invoice_lines']],
  ['invoice_pay', readers, ['get_invoice', 'list_invoices', 'search_invoice_lines']],
  ['createUser', readers, ['get_user']],
  ['send_email', readers, []],
  ['create_invoice', [], []],
  [
    'github_create_issue',
    ['github_get_issue', 'github_list_pulls', 'github_list_issues'],
    ['github_get_issue', 'github_list_issues', 'github_list_pulls'],
  ],
  ['add_purchase', ['list_purchases', 'list_boxes'], ['list_purchases']],
  ['update_category', ['list_categories'], ['list_categories']],
])('%s is checked by the readers of its resource', (tool, names, expected) => {
  expect(checkingTools(tool, names)).toEqual(expected);
});
