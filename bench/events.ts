/**
 * The events that every measurement uses: about 600 bytes, nested, a day of timestamps, the same
 * sequence for a seed. The schema exercises what real ones do: formats, an enum, a pattern, a
 * struct, a list of structs, closed at every depth.
 */
export const SCHEMA = {
  type: 'object',
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    kind: { type: 'string', enum: ['view', 'click', 'purchase', 'search'] },
    session: { type: 'string', format: 'uuid' },
    country: { type: 'string', pattern: '^[A-Z]{2}$' },
    amount: { type: 'number', minimum: 0 },
    quantity: { type: 'integer', minimum: 0, maximum: 1_000_000 },
    page: {
      type: 'object',
      properties: {
        url: { type: 'string', maxLength: 2_000 },
        referrer: { type: ['string', 'null'] },
        title: { type: 'string' },
      },
      required: ['url'],
    },
    device: {
      type: 'object',
      properties: {
        agent: { type: 'string' },
        width: { type: 'integer', format: 'int32' },
        height: { type: 'integer', format: 'int32' },
        touch: { type: 'boolean' },
      },
    },
    items: {
      type: 'array',
      maxItems: 100,
      items: {
        type: 'object',
        properties: {
          sku: { type: 'string' },
          price: { type: 'number' },
          count: { type: 'integer', format: 'int32' },
        },
        required: ['sku'],
      },
    },
  },
  required: ['timestamp', 'kind'],
} as const

const KINDS = ['view', 'click', 'purchase', 'search'] as const
const COUNTRIES = ['DE', 'FR', 'IT', 'ES', 'PL', 'NL', 'AT', 'CH', 'SE', 'NO'] as const
const AGENTS = Array.from(
  { length: 40 },
  (_, at) =>
    `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.${at} (KHTML, like Gecko) Chrome/1${at % 60}.0 Safari/537.36`,
)

/** Deterministic: the same `at` gives the same event, so that a run can be repeated. */
export function eventAt(at: number, dataset: string): string {
  const hex = ((at * 2_654_435_761) % 4_294_967_296).toString(16).padStart(8, '0')
  const timestamp = new Date(1_790_000_000_000 + (at % 86_400_000)).toISOString()
  const data = {
    timestamp,
    kind: KINDS[at % KINDS.length],
    session: `${hex}-1111-4111-8111-${hex}${hex.slice(0, 4)}`,
    country: COUNTRIES[at % COUNTRIES.length],
    amount: (at % 100_000) / 100,
    quantity: at % 50,
    page: {
      url: `https://shop.example/products/${hex}?campaign=autumn&position=${at % 20}`,
      referrer: at % 3 === 0 ? null : 'https://search.example/results?q=lamp',
      title: `Product ${at % 5_000} in category ${at % 70}`,
    },
    device: { agent: AGENTS[at % AGENTS.length], width: 1_920, height: 1_080, touch: at % 2 === 0 },
    items: [
      { sku: `sku-${at % 9_000}`, price: (at % 9_999) / 100, count: (at % 5) + 1 },
      { sku: `sku-${at % 7_000}`, price: (at % 7_777) / 100, count: 1 },
    ],
  }
  return JSON.stringify({ dataset, data })
}
