import { Type } from 'typebox'
import { Delimiter } from './batches.ts'
import { Definition, closed } from './wire.ts'

const ROW = { timestamp: '2026-11-25T08:00:00Z', page: '/pricing', visitor: 'ada@example.com', plan: 'pro' }
const Sample = Type.Object({}, { additionalProperties: true, description: 'The data of an event.' })

export const InferQuery = closed({ delimiter: Delimiter })

/** Only described here: samples are read by how their numbers are written. */
export const InferRequest = {
  content: {
    'application/json': {
      schema: Type.Union([Sample, Type.Array(Sample, { minItems: 1 })], {
        description: 'One sample, a list of them, or {"events": […]} as collect takes it.',
        examples: [[ROW]],
      }),
    },
    'application/x-ndjson': {
      schema: Type.String({ description: 'One sample a line.', examples: [`${JSON.stringify(ROW)}\n`] }),
    },
    'text/csv': {
      schema: Type.String({
        description: 'The first line names the columns; an empty cell is a member that is not there.',
        examples: [`${Object.keys(ROW).join(',')}\n${Object.values(ROW).join(',')}\n`],
      }),
    },
  },
}

const Fault = Type.Object({ pointer: Type.String(), keyword: Type.String(), message: Type.String() })

export const ProposalDocument = Type.Object(
  {
    definition: Definition,
    samples: Type.Integer({ description: 'How many there were.' }),
    accepted: Type.Integer({ description: 'How many of them a dataset of this schema takes as they are.' }),
    refused: Type.Array(
      Type.Object({ sample: Type.Integer({ description: 'Which, from 1 on.' }), errors: Type.Array(Fault) }),
      { description: 'The first that it does not take, and why.' },
    ),
    notes: Type.Array(Fault, {
      description: 'What to look at before it is published; pointers lead into the definition.',
    }),
  },
  {
    examples: [
      {
        definition: {
          $class: 'https://ns.azothedge.com/pdm/class/interaction-event',
          type: 'object',
          properties: {
            timestamp: { type: 'string', format: 'date-time' },
            page: { type: 'string' },
            visitor: { type: 'string', format: 'email' },
            plan: { type: 'string' },
          },
          required: ['timestamp', 'page', 'visitor', 'plan'],
        },
        samples: 1,
        accepted: 1,
        refused: [],
        notes: [
          {
            pointer: '/properties/visitor',
            keyword: 'label',
            message: 'may be about a person: label it with a descriptor, and previews mask it',
          },
          {
            pointer: '/required',
            keyword: 'required',
            message: 'says little after 1 samples: remove what an event may lack',
          },
        ],
      },
    ],
  },
)
