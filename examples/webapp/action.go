package main

// The calls that the vendors make to the shop for a customer: Megadesk's action, checked and
// previewed before it is pasted into the dashboard, and the endpoint for Ainisa's action.

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/chatident/chatident/hmachash"
	"github.com/chatident/chatident/placeholders"
)

//go:embed refund.json
var refundFile []byte

// refundAction compiles the action by which Megadesk refunds an order.
func refundAction() (*placeholders.CompiledAction, error) {
	action, err := placeholders.ParseAction(refundFile)
	if err != nil {
		return nil, err
	}
	return placeholders.Compile(action, nil)
}

// actionToken returns a credential for Megadesk's calls on behalf of a customer: the action
// sends it, and the API takes the customer from it (docs/megadesk.md). It expires after an
// hour, like the identity token that contains it.
func actionToken(hasher *hmachash.Hasher, customer string) (string, error) {
	expiry := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	claim := expiry + "." + base64.RawURLEncoding.EncodeToString([]byte(customer)) // a header has only ASCII
	hash, err := hasher.Hash(claim)
	return hash + "." + claim, err
}

// actionHeader is the header in which Ainisa sends the shop's API key.
const actionHeader = "X-Api-Key"

// ordersEndpoint returns the orders of the customer to Ainisa after it verified the API key
// and the user hash.
func ordersEndpoint(ainisa *hmachash.Ainisa, key string) (http.Handler, error) {
	return ainisa.Action(actionHeader, key, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := hmachash.UserID(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"customer": id, "orders": demoOrders[id]}) // an error means that Ainisa has closed the connection
	}), nil)
}
