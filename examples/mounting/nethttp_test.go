package mounting

import (
	"net/http"
)

func underNetHTTP(identityHandler, proxy, orders http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/megadesk-identity", identityHandler)
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.Handle("/ainisa/orders", orders)
	return mux
}
