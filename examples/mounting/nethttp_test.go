package mounting

import (
	"net/http"

	"github.com/chatident/chatident/chatclient/chatproxy"
)

func underNetHTTP(identityHandler, proxy, orders http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", identityHandler)
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.Handle("/chat/chatproxy.js", chatproxy.Script())
	mux.Handle("/ainisa/orders", orders)
	return mux
}
