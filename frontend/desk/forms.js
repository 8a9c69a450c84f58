// Forms: sent once, asked first, nothing typed is lost, codes in groups.

// A second press on a slow line must not send twice. (The server knows the same report by its id as well.)
export function guardForms(root) {
  root.querySelectorAll('form[method="post"]').forEach((form) => {
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      if (form.getAttribute("aria-busy") === "true") {
        event.preventDefault();
        return;
      }
      form.setAttribute("aria-busy", "true");
    });
  });
  // Back from the next page: the browser shows the old form as it was left.
  addEventListener("pageshow", () => {
    document.querySelectorAll('form[aria-busy="true"]').forEach((form) => form.removeAttribute("aria-busy"));
  });
}

// <form data-draft="report:ABCD2345">: words stay in this tab until the form is sent. Contact fields, marked data-private, are
// never kept: phones are shared. <… data-draft-sent="report:ABCD2345"> on the next page forgets the draft.
export function keepDrafts(root) {
  root.querySelectorAll("[data-draft-sent]").forEach((mark) => sessionStorage.removeItem(`draft:${mark.dataset.draftSent}`));
  root.querySelectorAll("form[data-draft]").forEach((form) => {
    const key = `draft:${form.dataset.draft}`;
    const kept = () =>
      [...form.elements].filter((field) => field.name && field.name !== "csrfmiddlewaretoken" && !field.closest("[data-private]") && !["file", "password", "hidden", "submit"].includes(field.type));
    try {
      const draft = JSON.parse(sessionStorage.getItem(key) || "{}");
      kept().forEach((field) => {
        if (!(field.name in draft)) return;
        if (["radio", "checkbox"].includes(field.type)) field.checked = draft[field.name].includes(field.value);
        else if (!field.value) field.value = draft[field.name][0];
      });
    } catch {
      sessionStorage.removeItem(key);
    }
    form.addEventListener("input", () => {
      const draft = {};
      kept().forEach((field) => {
        const given = ["radio", "checkbox"].includes(field.type) ? field.checked : true;
        draft[field.name] = (draft[field.name] || []).concat(given ? [field.value] : []);
      });
      try {
        sessionStorage.setItem(key, JSON.stringify(draft));
      } catch {
        // storage full or forbidden: the form works as before
      }
    });
  });
}

// <input data-code="4">: capitals, in groups of four, as printed under the QR code.
export function groupCodes(root) {
  root.querySelectorAll("input[data-code]").forEach((input) => {
    const size = Number(input.dataset.code) || 4;
    input.addEventListener("input", () => {
      if (input.selectionStart !== input.value.length) return; // mending the middle: leave the cursor alone
      const plain = input.value.toUpperCase().replace(/[^0-9A-Z]/g, "");
      input.value = plain.match(new RegExp(`.{1,${size}}`, "g"))?.join("-") ?? "";
    });
  });
}

// <form data-confirm="id of a dialog">: the dialog asks before the form is sent.
export function askFirst(root) {
  root.querySelectorAll("form[data-confirm]").forEach((form) => {
    const dialog = document.getElementById(form.dataset.confirm);
    if (!dialog?.showModal) return;
    let sure = false;
    form.addEventListener(
      "submit",
      (event) => {
        if (sure) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        const { submitter } = event;
        dialog.returnValue = "";
        dialog.addEventListener(
          "close",
          () => {
            if (dialog.returnValue !== "yes") return;
            sure = true;
            form.requestSubmit ? form.requestSubmit(submitter ?? undefined) : form.submit();
          },
          { once: true },
        );
        dialog.showModal();
      },
      { capture: true },
    );
  });
}
