// Package identity mints the token that tells Megadesk's chatbot who is signed in to
// your site. Your server mints it, and the vendor's embed fetches it.
//
// Most programs need two functions. [ParseKey] reads the Encryption Key of Megadesk's
// dashboard, and [Handler] serves the token of the customer in your own session:
//
//	key, err := identity.ParseKey(os.Getenv("MEGADESK_IDENTITY_SECRET"))
//	minter, err := identity.NewMinter(key, nil)
//	mux.Handle("/api/megadesk-identity", identity.Handler(minter, currentUser, nil))
//
// Mount the handler on that path, without a method. For another path, set
// HandlerOptions.Path. docs/megadesk.md has a complete program with sessions and a
// Content-Security-Policy.
//
// # What to put into a token
//
// Megadesk believes whatever a token says. UserDetail.Email opens the ticket list, the
// chat history and the Stripe look-up of whoever owns the address: set it only if that
// customer has confirmed it. Take StripeCustomerID from your billing records, never
// from a field that the customer can edit.
//
// The chatbot sees userDetail, and so do the model and the visitor. Facts that they
// should not see belong in Integrations, which only actions and prebuilt integrations
// on the vendor's side read.
//
// # The key
//
// The key belongs on the server: in a secret manager or the environment, never in a
// page or a repository. No type of this package prints a key.
//
// To rotate it, change the key in the dashboard and call [Minter.SetKey] right after.
// Whether Megadesk still opens tokens of the old key is not documented: expect that
// they fail, for up to one TTL. Rotate before a key has made 2^32 tokens, on all
// machines together. This is the bound of NIST SP 800-38D for random nonces, and takes
// 50 days at 1,000 tokens a second.
//
// # What is promised and what is not
//
// A token is a compact JWE (RFC 7516) with the header {"alg":"dir","enc":"A128GCM"}, as
// Megadesk documents it for jose for Node. It is valid until it expires, and signing
// out does not recall it. When the embed fetches a token, whether it keeps one, and how
// it renews an expired one are not documented. So the handler mints a token for each
// request and forbids caching.
//
// [Opener] is for tests, previews and stand-ins. Do not use a token as a session, nor
// its text as a key of a cache or a deny list.
//
// Under GODEBUG=fips140=only minting works. [NewOpener] returns an error, because
// go-jose's use of AES-GCM is rejected in that mode.
package identity
