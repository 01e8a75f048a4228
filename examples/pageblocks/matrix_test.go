package pageblocks

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/examples/internal/browser"
	"github.com/chatident/chatident/hmachash"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var whole = flag.Bool("whole", false, "test every cell of the matrix, and a vendor's script that comes after a minute")

// pairs returns cells in which each two values of different dimensions meet.
func pairs() (cells []cell) {
	for n, navigation := range navigations {
		for p, policy := range policies {
			cells = append(cells, cell{policy, navigation, arrivals[(n+p)%3], journeys[(n+2*p)%3]})
		}
	}
	return cells
}

func allCells() (cells []cell) {
	for _, policy := range policies {
		for _, navigation := range navigations {
			for _, arrival := range arrivals {
				for _, journey := range journeys {
					cells = append(cells, cell{policy, navigation, arrival, journey})
				}
			}
		}
	}
	return append(cells, cell{"hash", "load", time.Minute, []string{"ada"}})
}

func TestPairs_MeetInACell(t *testing.T) {
	values := func(c cell) [4]string {
		return [4]string{c.policy, c.navigation, fmt.Sprint(c.arrival), fmt.Sprint(c.journey)}
	}
	met := map[[4]string]bool{}
	for _, c := range pairs() {
		v := values(c)
		for i := range v {
			for j := range i {
				met[[4]string{fmt.Sprint(j), v[j], fmt.Sprint(i), v[i]}] = true
			}
		}
	}
	assert.Len(t, met, 3*4+3*3+3*3+4*3+4*3+3*3)
}

func TestPageBlocks_Matrix(t *testing.T) {
	cells := pairs()
	if *whole {
		cells = allCells()
	}
	for _, c := range cells {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			walk(t, c)
		})
	}
}

// htmxHasLink reports whether htmx has taken the link over.
const htmxHasLink = `(document.getElementById("next")["htmx-internal-data"] ?? document.getElementById("next")._htmx)?.boosted`

// walk goes through the pages of a cell.
func walk(t *testing.T, c cell) {
	server := serve(t, c)
	b := browser.New(t)
	b.Do(chromedp.Navigate(server.URL+"/0"), chromedp.Evaluate[chromedp.Void]("window.life = 1"))
	for step, who := range c.journey {
		if step > 0 {
			if strings.HasPrefix(c.navigation, "htmx") {
				b.WaitFor(htmxHasLink)
			}
			b.Do(chromedp.Click(chromedp.CSS("#next")))
		}
		b.WaitFor(fmt.Sprintf(`document.getElementById("step")?.textContent === "%d"`, step))
		b.WaitFor(fmt.Sprintf(`(window.ainisaUser?.user_id ?? "") === %q && "ainisaUser" in window === %t`, who, who != nobody))
		if c.arrival <= 0 {
			requireGiven(t, b, c, step)
		}
	}
	isOneLife := c.navigation != "load" || len(c.journey) == 1
	b.WaitFor(fmt.Sprintf(`(window.life === 1) === %t`, isOneLife))
	last := len(c.journey) - 1
	if c.arrival > 0 {
		assert.Equal(t, "undefined", b.Evaluate("typeof standin"), "the vendors' scripts come later")
		b.Do(chromedp.Evaluate[chromedp.Void]("window.isSeen = true"))
		b.WaitFor(`typeof standin === "function"`)
	}
	requireGiven(t, b, c, last)
	time.Sleep(500 * time.Millisecond) // more than the block waits between two looks
	requireGiven(t, b, c, last)
	requireNothingOfOthers(t, b, c.journey[last])
	b.RequireQuietConsole()
}

// requireGiven wants that in the life of the page Ainisa's script found the customer
// of its time, and that Bookbag was given each customer once.
func requireGiven(t *testing.T, b *browser.Browser, c cell, step int) {
	t.Helper()
	first, seen := 0, c.journey[:step+1]
	switch {
	case c.navigation == "load":
		first, seen = step, c.journey[step:step+1]
	case c.arrival > 0:
		first, seen = step, c.journey[step:step+1]
	}
	want := [][]string{{"ainisa", c.journey[first]}}
	known := nobody
	for _, who := range seen {
		if who != nobody && who != known {
			want = append(want, []string{"bookbag", "identify", who})
		}
		known = who
	}
	text, _ := json.Marshal(want)
	b.WaitFor(fmt.Sprintf(`standin() === %q`, text))
}

// requireNothingOfOthers looks for hashes of other customers in the page, its globals
// and its storage, and for any hash in the page itself.
func requireNothingOfOthers(t *testing.T, b *browser.Browser, who string) {
	const storage = `JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`
	const globals = `Reflect.ownKeys(window).filter((key) => !String(key).startsWith("webkit")).map((key) => { try { return JSON.stringify(window[key]); } catch { return ""; } }).join("")`
	page := b.Evaluate(`document.documentElement.outerHTML`)
	held := b.Evaluate(storage + " + " + globals)
	for _, secret := range []string{"the secret key of Ainisa", "the signing secret of the agent"} {
		hasher, err := hmachash.New(secret, nil)
		require.NoError(t, err)
		for _, customer := range []string{"ada", "grace"} {
			hash, err := hasher.Hash(customer)
			require.NoError(t, err)
			assert.NotContains(t, page, hash)
			if customer != who {
				assert.NotContains(t, held, hash, customer)
			} else {
				assert.Contains(t, held, hash, "the test would see it")
			}
		}
	}
}
