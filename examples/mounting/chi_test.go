package mounting

import (
	"io"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func underChi(identityHandler, proxy, orders http.Handler) http.Handler {
	router := chi.NewRouter()
	quiet := log.New(io.Discard, "", 0)
	router.Use(middleware.RequestID, middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: quiet}), middleware.Recoverer, middleware.Compress(5))
	router.Handle("/api/megadesk-identity", identityHandler)
	router.Handle("/chat/*", http.StripPrefix("/chat", proxy))
	router.Handle("/ainisa/orders", orders)
	return router
}
