// Package hmachash proves to a chat widget which of your customers is signed in, with a
// user_hash: the HMAC-SHA256 of the customer's id, computed on your server.
//
// Most programs need two calls for a vendor. [NewAinisa] or [NewBookbag] takes the
// secret, and [Ainisa.Script] or [Bookbag.Script] returns the block for each page:
//
//	ainisa, err := hmachash.NewAinisa(os.Getenv("AINISA_SECRET_KEY"), nil)
//	block, err := ainisa.Script(hmachash.AinisaUser{ID: "1", FirstName: "Ada"}, nonce)
//	widget, err := ainisa.Widget(nonce)
//
// Put the block into the body of every page. For a visitor who is not signed in, it
// clears what an earlier page set. [Ainisa.Handler] and [Bookbag.Handler] serve the
// same data to single-page apps. docs/ainisa.md has a complete program, and
// docs/page-blocks.md has policies and page swaps by Turbo and htmx.
//
// When the vendor calls your server, [Ainisa.Action] verifies the customer, and
// [BookbagWebhooks] verifies that an event comes from Bookbag.
//
// # What a user_hash cannot do
//
// It covers only the id. The visitor can change the names and e-mail addresses beside
// it, so never base a decision on them.
//
// It never expires. Whoever has seen a page with it can use it for that customer until
// the secret changes, and signing out does not recall it. Serve such pages with
// Cache-Control: private, no-store. Leave them uncompressed if they repeat what the
// visitor sent, such as a search term: otherwise the length of the response reveals the
// hash character by character (BREACH).
//
// It does not name a shop. Two shops with one secret accept each other's ids: put the
// shop into the id ("shop1-1").
//
// # The secret
//
// The key of the HMAC is the text of the secret, without decoding. It belongs on the
// server: in a secret manager or the environment, never in a page or a repository. The
// package does not read the environment, and none of its types prints a secret. To rotate
// a secret, see [Hasher.SetSecret].
//
// # Identifiers
//
// The id is hashed exactly as it is: nothing is trimmed or folded. An id that would not
// arrive unchanged, or that many visitors would share, is rejected.
//
// Many other vendors use the same hash: see docs/other-vendors.md.
package hmachash
