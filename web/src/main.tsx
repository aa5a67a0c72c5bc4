import { render } from "preact";
import { locale } from "./i18n";
import { App } from "./ui/App";
import "./style/base.css";
import "./style/studio.css";
import "./style/board.css";
import "./style/figures.css";
import "./style/watch.css";
import "./style/recordings.css";

document.documentElement.lang = locale;
const root = document.getElementById("app");
if (root) render(<App />, root);
