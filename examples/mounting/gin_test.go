package mounting

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
)

func underGin(identityHandler, proxy, orders http.Handler) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter = io.Discard
	router := gin.Default()
	router.Any("/api/megadesk-identity", gin.WrapH(identityHandler))
	router.Any("/chat/*path", gin.WrapH(http.StripPrefix("/chat", proxy)))
	router.Any("/ainisa/orders", gin.WrapH(orders))
	return router
}
