package standin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
)

// Ainisa is the stand-in for Ainisa. It serves GET /ainisa/widget.js, POST /ainisa/identify
// and POST /ainisa/act.
type Ainisa struct {
	vendor
	secretKey []byte
	action    CustomAction
	mux       *http.ServeMux
}

// NewAinisa returns a stand-in that verifies hashes with its copy of the shop's Secret Key
// and without the SDK. It calls the shop as the action says.
func NewAinisa(secretKey string, action CustomAction) *Ainisa {
	a := &Ainisa{secretKey: []byte(secretKey), action: action, mux: http.NewServeMux()}
	a.mux.HandleFunc("GET /ainisa/widget.js", a.serveScript("ainisa.js"))
	a.mux.HandleFunc("POST /ainisa/identify", serveIdentify(&a.vendor, a.verify))
	a.mux.HandleFunc("POST /ainisa/act", a.act)
	return a
}

func (a *Ainisa) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// ainisaUser is window.ainisaUser, null where the page does not set it.
type ainisaUser struct {
	UserID    string `json:"user_id"`
	UserHash  string `json:"user_hash"`
	FirstName string `json:"firstname"`
	LastName  string `json:"lastname"`
	Email     string `json:"email"`
}

func (a *Ainisa) verify(u *ainisaUser) claim {
	if u == nil {
		return claim{reason: "The page sets no window.ainisaUser: an anonymous visitor."}
	}
	mac := hmac.New(sha256.New, a.secretKey)
	mac.Write([]byte(u.UserID))
	if !hmac.Equal([]byte(u.UserHash), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		return claim{rejected: true, reason: "Rejected: the user_hash is not valid for this user_id."}
	}
	fields := []Field{{Name: "user_id", Value: u.UserID, Verified: true}}
	for _, f := range []Field{{Name: "firstname", Value: u.FirstName}, {Name: "lastname", Value: u.LastName}, {Name: "email", Value: u.Email}} {
		if f.Value != "" {
			fields = append(fields, f)
		}
	}
	return claim{
		reason: "The user_hash is valid for this user_id. It does not cover the other fields.",
		fields: fields,
	}
}
