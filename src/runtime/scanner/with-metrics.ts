/** Measures each call to Scanner alone, without the wait for a token, and says how it ended. */
import { ZastavaError } from '../../contract/errors.ts';
import type { backendOutcomes } from '../../contract/label-values.ts';
import { metrics as catalogue } from '../../contract/metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Send } from './send.ts';

type Outcome = (typeof backendOutcomes)[number];

export function withMetrics(send: Send, metrics: Metrics): Send {
  return async (request) => {
    const start = performance.now();
    const done = (outcome: Outcome): void => metrics.observe(catalogue.backendLatency, { endpoint: request.endpoint, outcome }, performance.now() - start);
    try {
      const response = await send(request);
      done(outcomeOf(response.status));
      return response;
    } catch (error) {
      done(error instanceof ZastavaError && error.code === 'scanner.timeout' ? 'timeout' : 'failed');
      throw error;
    }
  };
}

function outcomeOf(status: number): Outcome {
  if (status >= 200 && status < 300) return 'ok';
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 429) return 'throttled';
  return status >= 400 && status < 500 ? 'rejected' : 'failed';
}
