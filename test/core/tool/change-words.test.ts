import { describe, expect, test } from 'vitest';
import { guessAct, guessByName } from '../../../src/core/tool/class-words.ts';

const list = (names: string): readonly string[] => names.trim().split(/\s+/);
const writes =
  list(`top_up_balance topUpBalance deduct_balance wire_balance credit_balance debit_balance increase_balance
  reduce_balance drain_balance spend_balance payoff_balance sweep_balance forgive_balance waive_balance exchange_balance
  wallet_deduct_balance zorp_balance flip_status alter_status flip_order_status order_flip_status alter_schema
  bootstrap_schema raise_version enter_time punch_time cycle_log file_report_summary convert_currency alter_view drain_list
  deduct_and_get_balance drain_and_list get_balance_and_deduct check_and_deduct_balance check_deduct_balance
  tombstone_history fabricate_log`);
const reads = list(`account_balance wallet_balance accountBalance server_status order_status payment_status git_status
  conversations_history db-stats mongodb-logs collection-schema directory_tree table_info file_info cpu_metrics sales_summary
  tracking_info firecrawl_agent_status current_time puppeteer_screenshot get_update_status channels_list github_get_issue
  disk_usage_stats job_status pod_logs index_stats file_metadata queue_status convert_time check_balance weather balance`);

test('a name that ends in a noun for a result is guarded after an unknown word or a verb that changes something', () => {
  expect(writes.filter((name) => guessByName(name).act === 'read')).toEqual([]);
  expect(reads.filter((name) => guessByName(name).act !== 'read')).toEqual([]);
});

describe('the description of a name that ends in a noun for a result', () => {
  const act = (name: string, description: string) => guessAct({ name, description }).act;

  test('makes an unknown word a read only if it states a read and no change', () => {
    expect(act('zorp_balance', 'Returns the balance of an account.')).toBe('read');
    expect(act('zorp_balance', 'Deducts an amount from the balance.')).toBe('create');
    expect(act('zorp_balance', 'Returns the balance, and waive its fees.')).toBe('state');
    expect(act('credit_balance', 'Shows what a customer may spend')).toBe('read');
    expect(act('convert_currency', 'Returns what an amount is worth in another currency')).toBe('read');
  });

  test('guards a known noun if it states a change', () => {
    expect(act('account_balance', 'Deducts an amount from the balance of a customer.')).toBe('create');
    expect(act('server_status', 'Flips the status of a server.')).toBe('state');
    expect(act('account_balance', 'Returns the balance.')).toBe('read');
  });
});
