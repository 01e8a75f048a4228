// Package hmachash proves to a chat widget which of your customers is signed
// in, by a user_hash: the HMAC-SHA256 of the customer's id, computed on your server.
//
// Most programs need one type for each vendor, made once, and its Script in
// every page: [NewAinisa] with [Ainisa.Script] and [Ainisa.Widget], or
// [NewBookbag] with [Bookbag.Script]:
//
//	ainisa, err := hmachash.NewAinisa(os.Getenv("AINISA_SECRET_KEY"), nil)
//	block, err := ainisa.Script(hmachash.AinisaUser{ID: "1", FirstName: "Ada"}, nonce)
//	widget, err := ainisa.Widget(nonce)
//
// Put the block into the body of every page: for a visitor who is not signed in it
// clears what a page before it set. [Ainisa.Handler] and [Bookbag.Handler] serve
// the same to single-page apps. docs/page-blocks.md has Content-Security-Policy, page
// swaps by Turbo and htmx, and what to check when nothing arrives.
//
// When the vendor calls your own server, [Ainisa.Action] verifies for which customer,
// and [BookbagWebhooks] that an event comes from Bookbag.
//
// # What a user_hash cannot do
//
// It covers the id and nothing else. Names and e-mail addresses beside it can
// be changed by the visitor: never decide anything by them.
//
// It never expires. Whoever has seen a page that carries it can use it for that
// customer until the secret changes, and signing out does not recall it. So
// serve such pages with Cache-Control: private, no-store, and leave them
// uncompressed where they repeat what the visitor sent (a search term): the
// length would then reveal the hash bit by bit, which is known as BREACH.
//
// It does not say for which shop it was made. Two shops under one secret accept
// each other's ids: put the shop into the id ("shop1-1").
//
// # The secret
//
// The key of the HMAC is the secret's text as it is, without decoding. It
// belongs on the server: in a secret manager or the environment, never in a
// page or a repository. The package reads no environment itself, and no type of
// it prints a secret. [Hasher.SetSecret] has how to rotate.
//
// # Identifiers
//
// The id is hashed exactly as it is sent: nothing is trimmed or folded. An id that
// would not arrive as it is, or that many visitors would share, is rejected.
//
// Many other vendors use the same hash: docs/other-vendors.md has which, and how.
package hmachash
