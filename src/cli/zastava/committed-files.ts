/** Files that are made from the sources alone and committed: what a person reads before anything is built. A test checks them fresh. */
import { buildJsonSchema } from '../../config/json-schema.ts';
import { renderObservability } from '../../synth/render-observability.ts';
import { checkoutPaths } from './checkout.ts';

/** Path in the checkout → text: rules, dashboard, metrics catalogue, and the JSON schema of a values file for editors. */
export function renderCommittedFiles(): Map<string, string> {
  return new Map([...renderObservability(), [checkoutPaths.valuesSchema, `${JSON.stringify(buildJsonSchema(), null, 2)}\n`]]);
}
