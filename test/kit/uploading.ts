import { request, type ClientRequest } from 'node:http'

/** An upload in parts, over one connection that can be cut. */
interface Uploading {
  /** Resolves when the socket has taken it, rejects where the connection is gone. */
  write(part: string | Uint8Array): Promise<void>
  end(): void
  /** Cuts the connection, as a network does. */
  cut(): void
  /** Rejects where the connection ends before an answer. */
  // oxlint-disable-next-line typescript/no-explicit-any -- answers are whatever JSON they are
  readonly answer: Promise<{ readonly status: number; readonly body: Record<string, any> }>
}

/** Begins to upload a file to a dataset; its end is not announced. */
export function beginUpload(
  baseUrl: string,
  dataset: string,
  headers: Readonly<Record<string, string>>,
  query = '',
): Uploading {
  let sending: ClientRequest
  const answer = new Promise<Awaited<Uploading['answer']>>((resolve, reject) => {
    sending = request(`${baseUrl}/v1/datasets/${dataset}/batch${query}`, { method: 'POST', headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString()) }),
      )
      response.on('error', reject)
    })
    sending.on('error', reject)
  })
  answer.catch(() => undefined) // whoever cuts the connection does not wait for it
  return {
    write: (part) =>
      new Promise((resolve, reject) => {
        // What a killed server did not take is never told of by the write itself.
        const gone = (): void => reject(new Error('The connection is gone.'))
        if (sending.destroyed) return gone()
        sending.once('close', gone)
        sending.write(part, (error) => {
          sending.off('close', gone)
          if (error === null || error === undefined) resolve()
          else reject(error)
        })
      }),
    end: () => void sending.end(),
    cut: () => void sending.destroy(),
    answer,
  }
}
