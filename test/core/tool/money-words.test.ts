import { expect, test } from 'vitest';
import { soundsLikeMoney } from '../../../src/core/tool/class-words.ts';

const list = (names: string): readonly string[] => names.trim().split(/\s+/);

test('soundsLikeMoney knows the names of payments, loans, bets, rents and transfers of coins', () => {
  const names =
    list(`disburse disburse_funds top_up topUpBalance topup reimburse repay prepay issue_credit credit_account
    debit_account credit sendToAddress send_eth send_token swap_tokens bridge_tokens spend book_flight create_transaction place_bet bid
    redeem_voucher claim_reward rent_server lend borrow invest cashout cash_out recharge send_ach sepa_credit zelle stake
    renew_domain reload_card chargeback deduct_balance credit_balance convert_currency fx_convert exchange_currency fund_account`);
  expect(names.filter((name) => !soundsLikeMoney(name))).toEqual([]);
});

test('soundsLikeMoney leaves words in another sense', () => {
  const names =
    list(`refresh_token create_token revoke_token send_push_token swap_auth_tokens add_photo_credit begin_transaction
    db_transaction commit_transaction rollback_transaction load_balance_nodes rebalance_cluster borrow_book spend_time book_table
    add_credit_photo send_email send_message account_balance list_transactions get_credit_score upgrade_server register_user`);
  expect(names.filter((name) => soundsLikeMoney(name))).toEqual([]);
});

const number = { type: 'number' };
const text = { type: 'string' };

test.each([
  ['give', { amount: number, currency: text }, true],
  ['give', { amount: number, to: text }, true],
  ['give', { amount_cents: { type: 'integer' } }, true],
  ['give', { amount: { type: ['integer', 'null'] }, recipientId: text }, true],
  ['give', { amount: number, unit: text }, false],
  ['give', { amount: text, currency: text }, false],
  ['create_product', { name: text, price: number, currency: text }, false],
  ['create_price', { unit_amount: number, currency: text }, false],
  ['list_things', { amount: number, currency: text }, false],
  ['delete_expense', { amount: number, currency: text }, false],
])('%s with the arguments %j moves money: %s', (name, properties, moves) => {
  expect(soundsLikeMoney(name, '', { type: 'object', properties })).toBe(moves);
});
