export { openPreview, type Preview, type PreviewSettings } from './preview.ts'
export { rendererOf } from './render.ts'
