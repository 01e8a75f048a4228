// Package standin contains stand-ins for the chat vendors, so that the demo runs without an
// account. It serves embed scripts that send what the real vendors' scripts send, and
// verifies it as the vendors do, with its copy of the secret.
//
// Unlike the real vendors, it returns what it knows about the visitor to the browser.
package standin

import (
	"embed"
	"encoding/json"
	"net/http"
	"sync"
)

//go:embed megadesk.js ainisa.js evil.js
var scripts embed.FS

const (
	maxBody     = 64 * 1024
	maxVisitors = 1000

	notFromTheScript = "the request does not have the form of the embed script's"
)

// Field is one fact that a vendor knows about a visitor.
type Field struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Verified bool   `json:"verified"` // whether a token or hash of the shop covers it
}

// Arrival describes a request as the browser marked it.
type Arrival struct {
	SecFetchSite string `json:"secFetchSite"`
	Cookies      int    `json:"cookies"`
}

// Result is the result of one attempt to identify a visitor.
type Result struct {
	Accepted bool    `json:"accepted"`
	Reason   string  `json:"reason"`
	Known    []Field `json:"known"` // after this attempt; empty if signed out
	Arrival  Arrival `json:"arrival"`
}

// vendor holds the visitors of Megadesk or Ainisa.
type vendor struct {
	mu       sync.Mutex
	visitors map[string][]Field
	arrivals []Arrival
}

// Known returns what the vendor knows about each visitor whose proof it accepted.
func (v *vendor) Known() [][]Field {
	v.mu.Lock()
	defer v.mu.Unlock()
	var known [][]Field
	for _, fields := range v.visitors {
		known = append(known, fields)
	}
	return known
}

// Arrivals returns the latest requests, including those for scripts.
func (v *vendor) Arrivals() []Arrival {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Arrival(nil), v.arrivals...)
}

func (v *vendor) record(r *http.Request) Arrival {
	a := Arrival{SecFetchSite: r.Header.Get("Sec-Fetch-Site"), Cookies: len(r.Cookies())}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.arrivals) == maxVisitors {
		v.arrivals = v.arrivals[1:]
	}
	v.arrivals = append(v.arrivals, a)
	return a
}

func (v *vendor) serveScript(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.record(r)
		w.Header().Set("Cache-Control", "no-store")
		http.ServeFileFS(w, r, scripts, name)
	}
}

// claim is a verified or rejected claim of a visitor. A rejected claim changes nothing. An
// accepted claim without fields deletes the visitor.
type claim struct {
	rejected bool
	reason   string
	fields   []Field
}

// serveIdentify decodes a request {visitor, ...} into a new T and responds with
// the Result of verify.
func serveIdentify[T any](v *vendor, verify func(T) claim) http.HandlerFunc {
	type request struct {
		Visitor string `json:"visitor"`
		Claim   T      `json:"claim"`
	}
	return func(w http.ResponseWriter, r *http.Request) {
		// Pages of any shop call the vendors, without cookies.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		arrival := v.record(r)
		var req request
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&req)
		if err != nil || req.Visitor == "" || len(req.Visitor) > 64 {
			http.Error(w, notFromTheScript, http.StatusBadRequest)
			return
		}
		c := verify(req.Claim)
		result := Result{Accepted: !c.rejected, Reason: c.reason, Known: v.store(req.Visitor, c), Arrival: arrival}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result) // an error means that the visitor has left
	}
}

func (v *vendor) store(visitor string, c claim) []Field {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case c.rejected:
		return v.visitors[visitor]
	case len(c.fields) == 0:
		delete(v.visitors, visitor)
		return nil
	}
	if v.visitors == nil || len(v.visitors) >= maxVisitors {
		v.visitors = map[string][]Field{}
	}
	v.visitors[visitor] = c.fields
	return c.fields
}
