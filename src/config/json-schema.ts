/** values.schema.json of the chart, made from the one schema: what Helm and editors refuse is what the loader refuses. */
import * as z from 'zod';
import { valuesSchema } from './schema.ts';

/** JSON Schema draft 7 of a site's values file; both Helm 3 and Helm 4 read it. Rules between keys are not in it. */
export function buildJsonSchema(): object {
  return z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input' });
}
