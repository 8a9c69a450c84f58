// The desk: lists and drawers in place, by htmx; without it every link and form is a page.
import htmx from "htmx.org";
import "./public.js";
import { intake } from "./intake.js";
import { keys } from "./keys.js";
import { queue } from "./queue.js";

Object.assign(htmx.config, {
  allowEval: false, // the content security policy refuses it anyway
  includeIndicatorStyles: false, // an inline style sheet
  historyCacheSize: 0, // names and phone numbers do not stay in the browser's storage
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    // A refusal says why, above the page, and the page stays as it was.
    { code: "[45]..", swap: true, error: true, target: "#notice", swapOverride: "innerHTML" },
  ],
});

keys(document);
intake(document);
document.querySelectorAll("[data-queue]").forEach(queue);
// On a phone the menu is one line: begin where one is.
const line = document.querySelector(".menu");
const here = line?.querySelector("[aria-current]");
if (here && line.scrollWidth > line.clientWidth) line.scrollLeft = here.offsetLeft - 16;
