import type { ToolService } from '../server/tool-requests.ts';
import type { RefusalLog } from './refusal-log.ts';

/** Where the ledger is, and what is wrong with it, is for the operator: callers are on other machines here. */
export function withoutInternals(service: ToolService, refusals: RefusalLog): ToolService {
  const handle: ToolService['handle'] = async (call) => {
    const answer = await service.handle(call);
    if (answer.type !== 'refusal' || answer.ledgerFault === undefined) return answer;
    const { ledgerFault, message, ...rest } = answer;
    const { tenant, subject } = call.scope;
    refusals.logFault({ why: message, tenant, subject, tool: call.tool });
    return { ...rest, message: message.replace(` (${ledgerFault})`, '') };
  };
  return { ...service, handle };
}
