// Package hmachash proves to a chat widget which of your customers is signed
// in, by a user_hash: the HMAC-SHA256 of the customer's id, made on your server.
//
// Most programs need one type for each vendor, made once, and its Script in
// every page: [NewAinisa] with [Ainisa.Script] and [Ainisa.Widget], or
// [NewBookbag] with [Bookbag.Script]:
//
//	ainisa, err := hmachash.NewAinisa(os.Getenv("AINISA_SECRET_KEY"), nil)
//	block, err := ainisa.Script(hmachash.AinisaUser{ID: "1", FirstName: "Ada"}, nonce)
//	widget, err := ainisa.Widget(nonce)
//
// Put the block before the widget's tag. For a visitor who is not signed in it
// is empty, and the widget's tag is still there: anonymous visitors chat too.
// When the vendor calls your own API for a customer, [Ainisa.Action] checks who
// that is.
//
// # What a user_hash cannot do
//
// It covers the id and nothing else. Names and e-mail addresses beside it can
// be changed by the visitor: never decide anything by them.
//
// It never expires. Whoever has seen a page that carries it can use it for that
// customer until the secret changes, and signing out does not recall it. So
// serve such pages with Cache-Control: private, no-store, and leave them
// uncompressed where they repeat what the visitor sent (a search term): its
// length would then tell the hash bit by bit, which is known as BREACH.
//
// It does not say for which shop it was made. Two shops under one secret accept
// each other's ids: put the shop into the id ("shop1-1").
//
// # The secret
//
// The key of the HMAC is the secret's text as it is, without decoding. It
// belongs on the server: in a secret manager or the environment, never in a
// page or a repository. The package reads no environment itself, and no type of
// it prints a secret. To rotate, make a new value with Options.Previous naming
// the old secret: hashes made with it are still verified, and all new ones are
// made with the new secret.
//
// Ainisa suggests storing the hash in the users table. Computing it when
// the page is made does the same, and survives a change of the secret.
//
// # Identifiers
//
// The id is hashed exactly as it is sent: nothing is trimmed or folded. So an
// id that would not arrive as it is, is refused: one that is empty or not valid
// UTF-8 everywhere, and in page blocks also one with white space at its edges
// or control characters, which HTTP headers do not carry. How Ainisa writes
// other characters than ASCII into its X-User-Id header is not documented.
package hmachash
