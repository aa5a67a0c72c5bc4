// The light build has what the whole one has, as far as this page goes; its types come with that.
declare module "hls.js/light" {
  export { default } from "hls.js";
}
