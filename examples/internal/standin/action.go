package standin

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// CustomAction is what a shop configures in Ainisa's dashboard: the URL that Ainisa calls
// for a customer, and the header and key by which the shop recognizes Ainisa.
type CustomAction struct {
	URL         string
	Header, Key string
}

// call is what Ainisa sent to the shop for a customer, and the shop's response.
type call struct {
	Request string            `json:"request"`
	Header  map[string]string `json:"header"` // without the key
	Status  int               `json:"status"`
	Body    string            `json:"body"`
}

var shopClient = &http.Client{
	Timeout:       5 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// act calls the shop for the customer that the page names. Like Ainisa, it does not verify
// the name: the shop must.
func (a *Ainisa) act(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	a.record(r)
	var req struct {
		Claim *ainisaUser `json:"claim"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&req) != nil {
		http.Error(w, notFromTheScript, http.StatusBadRequest)
		return
	}
	out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.action.URL, nil)
	if err != nil {
		http.Error(w, "the action has no URL", http.StatusInternalServerError)
		return
	}
	header := map[string]string{
		"Origin":           "https://ainisa.com/",
		"Locale":           "en",
		"Content-Type":     "application/json",
		"X-Requested-With": "XMLHttpRequest",
	}
	if req.Claim != nil {
		header["X-User-Id"], header["X-User-Hash"] = req.Claim.UserID, req.Claim.UserHash
	}
	for name, value := range header {
		out.Header.Set(name, value)
	}
	out.Header.Set(a.action.Header, a.action.Key)
	header[a.action.Header] = "(the key, which the browser never sees)"

	res, err := shopClient.Do(out)
	if err != nil {
		http.Error(w, "the shop did not respond", http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody)) // a partial body is shown too
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(call{"GET " + a.action.URL, header, res.StatusCode, string(body)}) // an error means that the visitor has left
}
