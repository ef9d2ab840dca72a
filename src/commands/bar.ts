import { Transform, type Readable } from 'node:stream'
import type { UploadFile } from './files.ts'
import type { Call } from './verb.ts'

const WIDTH = 24

/** The file's bytes from there on, with a bar of how many have gone. What breaks the source breaks it, and the other way round. */
export function watched(call: Pick<Call, 'progress'>, { bytes }: UploadFile, source: Readable, from: number): Readable {
  const began = performance.now()
  let [gone, shownAt] = [from, 0]
  const counted = new Transform({
    highWaterMark: 1 << 18,
    transform(part: Buffer, _encoding, done) {
      gone += part.length
      const now = performance.now()
      if (now - shownAt > 100) {
        shownAt = now
        call.progress(bar(gone, bytes, (gone - from) / (now - began)))
      }
      done(null, part)
    },
  })
  source.once('error', (error) => counted.destroy(error))
  counted.once('close', () => source.destroy())
  return source.pipe(counted)
}

function bar(gone: number, bytes: number | undefined, perMs: number): string {
  const speed = `${(gone / 1e6).toFixed(1)} MB, ${(perMs / 1e3).toFixed(1)} MB/s`
  if (bytes === undefined || bytes === 0) return speed
  const part = Math.min(1, gone / bytes)
  const full = Math.round(part * WIDTH)
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${String(Math.floor(part * 100)).padStart(3)} %  ${speed}`
}
