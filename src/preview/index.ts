export { openPreview, type Preview, type PreviewSettings } from './preview.ts'
