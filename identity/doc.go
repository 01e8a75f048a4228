// Package identity tells Megadesk's chatbot who is signed in to your site, with
// an encrypted token that your server mints and the vendor's embed fetches.
//
// Most programs need two functions: [ParseKey] reads the Encryption Key of
// Megadesk's dashboard, and [Handler] serves the token at
// /api/megadesk-identity for whoever your own session says is signed in:
//
//	key, err := identity.ParseKey(os.Getenv("MEGADESK_IDENTITY_SECRET"))
//	minter, err := identity.NewMinter(key, nil)
//	mux.Handle("/api/megadesk-identity", identity.Handler(minter, currentUser, nil))
//
// Mount it on that path, without a method ("GET /api/..."); for another path, set
// HandlerOptions.Path. [Handler] says why.
//
// # What to put into a token
//
// Whatever a token says is believed. UserDetail.Email opens the ticket list,
// the chat history and the Stripe look-up of whoever owns the address, so set
// it only when that customer has confirmed it. Take StripeCustomerID from your
// own billing records, never from a field that the customer can edit.
//
// userDetail is shown to the chatbot, and so to the model and the visitor; a
// fact that they should not see belongs under integrations, which only actions
// and prebuilt integrations on the vendor's side read.
//
// # The key
//
// The key belongs on the server: in a secret manager or the environment, never
// in a page or a repository. No type of this package prints a key.
//
// To rotate, change the key in the dashboard and call [Minter.SetKey] with the
// new one right after. Whether Megadesk still opens tokens of the old key is not
// documented; expect tokens of up to one TTL to fail. Rotate before a key has made
// 2^32 tokens, all instances together: NIST SP 800-38D's bound for random nonces,
// 50 days at 1,000 tokens a second.
//
// # What is promised and what is not
//
// A token is a compact JWE (RFC 7516) with the header
// {"alg":"dir","enc":"A128GCM"}, as Megadesk documents it for jose for Node. It
// lives for its TTL: signing out does not recall it. When the vendor's embed
// asks for a token, whether it keeps one, and how it renews an expired one are
// not documented, so the handler mints at every call and forbids caching.
//
// [Opener] is for tests, previews and stand-ins. A token is not a session: do not
// sign anybody in by it. Its text is not an identifier: never key a cache or a
// deny-list by it.
//
// Under GODEBUG=fips140=only minting works. [NewOpener] returns an
// error: go-jose's use of AES-GCM is rejected in that mode.
package identity
