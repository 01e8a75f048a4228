package mounting

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
)

func underEcho(identityHandler, proxy, orders http.Handler) http.Handler {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(middleware.RequestLogger(), middleware.Recover(), middleware.Gzip())
	e.Any("/api/megadesk-identity", echo.WrapHandler(identityHandler))
	e.Any("/chat/*", echo.WrapHandler(http.StripPrefix("/chat", proxy)))
	e.Any("/ainisa/orders", echo.WrapHandler(orders))
	return e
}
