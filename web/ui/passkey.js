// Passkeys: what the service asks of the browser, and what the browser answers (WebAuthn level 3).

// A credential that the browser makes; refused with a DOMException where it is not made.
export async function created(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({ publicKey })).toJSON();
}

// The proof of one that it has.
export async function asked(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}
