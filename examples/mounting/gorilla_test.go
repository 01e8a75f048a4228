package mounting

import (
	"net/http"

	"github.com/gorilla/mux"
)

// A mux.Router is often mounted on "/" of a ServeMux, beside files and metrics.
func underGorilla(identityHandler, proxy, orders http.Handler) http.Handler {
	router := mux.NewRouter().UseEncodedPath()
	router.Handle("/api/megadesk-identity", identityHandler)
	router.PathPrefix("/chat/").Handler(http.StripPrefix("/chat", proxy))
	router.Handle("/ainisa/orders", orders)
	outer := http.NewServeMux()
	outer.Handle("/", router)
	return outer
}
