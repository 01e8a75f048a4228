// Package standin plays the chat vendors for the demo, so that it runs
// without an account: it serves embed scripts that send from the browser what
// the real vendors receive, and checks it as they would, with the vendor's own
// copy of the secret.
//
// It shows the browser what the vendor knows about the visitor now. The
// real vendors do not.
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
)

// Field is one thing that a vendor knows about a visitor.
type Field struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Verified bool   `json:"verified"` // whether the shop's server vouches for it
}

// Arrival says how a request came in, as the browser marked it.
type Arrival struct {
	SecFetchSite string `json:"secFetchSite"`
	Cookies      int    `json:"cookies"`
}

// Result is that of one attempt to identify a visitor.
type Result struct {
	Accepted bool    `json:"accepted"`
	Reason   string  `json:"reason"`
	Known    []Field `json:"known"` // after this attempt; empty if signed out
	Arrival  Arrival `json:"arrival"`
}

// vendor is what Megadesk and Ainisa have in common: a memory of their visitors.
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

// Arrivals returns how the latest requests came in, scripts included.
func (v *vendor) Arrivals() []Arrival {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Arrival(nil), v.arrivals...)
}

func (v *vendor) arrive(r *http.Request) Arrival {
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
		v.arrive(r)
		w.Header().Set("Cache-Control", "no-store")
		http.ServeFileFS(w, r, scripts, name)
	}
}

// claim is a claim of a visitor after its check: a rejected one changes nothing, an accepted
// one without fields deletes the visitor.
type claim struct {
	rejected bool
	reason   string
	fields   []Field
}

// serveIdentify decodes a request {visitor, ...} into a new T and responds with
// the Result of judge.
func serveIdentify[T any](v *vendor, judge func(T) claim) http.HandlerFunc {
	type request struct {
		Visitor string `json:"visitor"`
		Claim   T      `json:"claim"`
	}
	return func(w http.ResponseWriter, r *http.Request) {
		// The vendors are called from the pages of any shop, without cookies.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		arrival := v.arrive(r)
		var req request
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&req)
		if err != nil || req.Visitor == "" || len(req.Visitor) > 64 {
			http.Error(w, "the request is not one of the embed script", http.StatusBadRequest)
			return
		}
		c := judge(req.Claim)
		result := Result{Accepted: !c.rejected, Reason: c.reason, Known: v.remember(req.Visitor, c), Arrival: arrival}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(result) // the visitor may be gone: nothing to do
	}
}

func (v *vendor) remember(visitor string, c claim) []Field {
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
