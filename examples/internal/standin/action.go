package standin

import (
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// CustomAction is what a shop sets up in Ainisa's dashboard: where Ainisa calls
// the shop for a customer, and the header and key that tell that it is Ainisa.
type CustomAction struct {
	URL         string
	Header, Key string
}

// call says what Ainisa sent to the shop for a customer, and what came back.
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

// act calls the shop for the customer that the page names, unverified, as Ainisa
// does: it is the shop that has to check.
func (a *Ainisa) act(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	a.arrive(r)
	var asked struct {
		Claim *ainisaUser `json:"claim"`
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&asked) != nil {
		http.Error(w, "the request is not one of the embed script", http.StatusBadRequest)
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
	if asked.Claim != nil {
		header["X-User-Id"], header["X-User-Hash"] = asked.Claim.UserID, asked.Claim.UserHash
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
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody)) // as far as it came
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(call{"GET " + a.action.URL, header, res.StatusCode, string(body)}) // the visitor may be gone
}
