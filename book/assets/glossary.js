// A term's definition shows while its link is pointed at or has the focus (companion.css). Escape closes it; without a
// pointer that can hover, the first tap opens it and the second follows the link. See book/_ext/terms.py.
(() => {
  "use strict";
  const terms = () => document.querySelectorAll(".term");
  // Show what Escape has closed, and keep a box that begins near the right edge on the screen.
  function reopen({ target }) {
    terms().forEach((term) => term.classList.remove("closed"));
    const box = target.closest?.(".term")?.lastElementChild;
    if (!box) return;
    box.style.translate = "";
    const beyond = box.getBoundingClientRect().right + 8 - document.documentElement.clientWidth;
    if (beyond > 0) box.style.translate = `${-beyond}px`;
  }
  let open = null;
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") terms().forEach((term) => term.classList.add("closed"));
  });
  for (const event of ["pointerover", "focusin"]) addEventListener(event, reopen);
  addEventListener("click", (event) => {
    const link = event.target.closest?.(".term > a");
    if (link && link !== open && matchMedia("(hover: none)").matches) {
      event.preventDefault();
      link.focus();
    }
    open = link ?? null;
  });
})();
