// Package identity mints the token that tells Megadesk's chatbot who is signed in to
// your site. Your server mints it, and the vendor's embed fetches it.
//
// Most programs need three calls. [ParseKey] reads the Encryption Key of Megadesk's
// dashboard, [NewMinter] takes the key, and [Handler] serves a token for the customer in
// your own session:
//
//	key, err := identity.ParseKey(os.Getenv("MEGADESK_IDENTITY_SECRET"))
//	minter, err := identity.NewMinter(key, nil)
//	mux.Handle("/api/megadesk-identity", identity.Handler(minter, currentUser, nil))
//
// Mount the handler on exactly this path, at the root of the host and without a method:
// the embed requests it there. docs/megadesk.md has a complete program.
//
// # What to put into a token
//
// Megadesk trusts every claim of a token. UserDetail.Email opens the ticket list, the
// chat history and the Stripe look-up of the owner of the address, so set it only if the
// customer has confirmed it. Take StripeCustomerID from your billing records, never from
// a field that the customer can edit.
//
// The chatbot sees userDetail, and so do the model and the visitor. Data that they must
// not see belongs in Integrations, which only actions and prebuilt integrations read.
//
// # The key
//
// Keep the key on the server, in a secret manager or the environment, not in a page or
// a repository. No type of this package prints a key.
//
// To rotate the key, change it in the dashboard and call [Minter.SetKey] right after.
// Whether Megadesk still accepts tokens of the old key is not documented. If it does not,
// some visitors are anonymous to the bot for one TTL. Rotate a key before it has
// encrypted 2^32 tokens on all machines together, which is the limit of NIST SP 800-38D
// for random nonces: 50 days at 1,000 tokens per second.
//
// # What is promised and what is not
//
// A token is a compact JWE (RFC 7516) with the header {"alg":"dir","enc":"A128GCM"}, as
// Megadesk documents it for jose for Node. It is valid until it expires, and signing
// out does not revoke it. Megadesk does not document when the embed fetches a token,
// whether it keeps one, and how it renews an expired one, so the handler mints a token for
// each request and forbids caching.
//
// [Opener] is for tests and previews. Do not use a token as a session, or its text as the
// key of a cache or a deny list.
//
// Minting works under GODEBUG=fips140=only. [NewOpener] returns an error there: that mode
// rejects go-jose's use of AES-GCM.
package identity
