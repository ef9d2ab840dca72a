/** The program of `withBusProcess`: data folder, port, segment bytes; says its port on the first line. */
import { startEmbeddedBus } from '../../src/bus/index.ts'

const [dataDir = '', port = '0', segmentBytes = ''] = process.argv.slice(2)
const bus = await startEmbeddedBus({
  dataDir,
  host: '127.0.0.1',
  port: Number(port),
  maxBytes: 1e10,
  ...(segmentBytes === '' ? {} : { segmentBytes: Number(segmentBytes) }),
  onEvent: ({ kind, detail }) => void (kind === 'defect' && process.stderr.write(`${kind}: ${detail}\n`)),
})
process.stdout.write(`${bus.port}\n`)
