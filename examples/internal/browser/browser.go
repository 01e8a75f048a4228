// Package browser drives a headless Chromium for the tests of the examples.
package browser

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Action is something that a visitor does.
type Action = chromedp.Action[chromedp.Void]

// Browser is one tab.
type Browser struct {
	Context context.Context

	t       *testing.T
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// New opens a browser for two minutes at most. Without a Chromium the test skips.
func New(t *testing.T) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testenv.Program(t, "chromium")),
		chromedp.NoSandbox, // the tests may run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"), // no test calls the vendors
		chromedp.WindowSize(1200, 1000),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	return newTab(t, ctx)
}

// Tab opens another tab of the same browser.
func (b *Browser) Tab() *Browser { return newTab(b.t, b.Context) }

// TabFor opens another tab of the same browser for a subtest.
func (b *Browser) TabFor(t *testing.T) *Browser { return newTab(t, b.Context) }

func newTab(t *testing.T, parent context.Context) *Browser {
	ctx, cancel := chromedp.NewContext(parent)
	t.Cleanup(cancel)
	b := &Browser{ctx, t, chromedp.Console(ctx)}
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: tellViolations})
	require.NoError(t, err)
	return b
}

// tellViolations puts on the console what the page's policy refused, also what
// Chromium keeps to itself: an eval whose error somebody caught.
const tellViolations = `document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
	console.error("the Content-Security-Policy refused", effectiveDirective, blockedURI))`

// Do does one thing after the other.
func (b *Browser) Do(actions ...Action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.Context, actions...))
}

// Text returns what an element shows.
func (b *Browser) Text(selector chromedp.CSS) string {
	b.t.Helper()
	text, err := chromedp.Run(b.Context, chromedp.Text(selector))
	require.NoError(b.t, err)
	return text
}

// WaitFor waits until a JavaScript expression is true.
func (b *Browser) WaitFor(expression string) {
	b.t.Helper()
	_, err := chromedp.Run(b.Context, chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond)))
	require.NoError(b.t, err, expression)
}

// Evaluate returns the text that a JavaScript expression gives.
func (b *Browser) Evaluate(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.Context, chromedp.Evaluate[string](expression))
	require.NoError(b.t, err, expression)
	return text
}

// Refused is what Chromium itself says of each answer with a status of 400 or
// more. No page can prevent it.
const Refused = "Failed to load resource: the server responded with a status of"

// RequireQuietConsole ends the tab, after a look at all that its console has told.
// Messages with one of the texts are expected.
func (b *Browser) RequireQuietConsole(expected ...string) {
	b.t.Helper()
	const last = "that was all"
	b.Do(chromedp.Evaluate[chromedp.Void](`console.debug("` + last + `")`))
	for message, err := range b.console {
		require.NoError(b.t, err)
		if message.Text == last {
			break
		}
		isExpected := func(text string) bool { return strings.Contains(message.String(), text) }
		if !slices.ContainsFunc(append(expected, typedBefore), isExpected) {
			assert.Fail(b.t, "the console is not empty", message.String())
		}
	}
	require.NoError(b.t, chromedp.Cancel(b.Context))
}

// typedBefore is what Chromium says when somebody types into a page before it has
// come to its autofocus: a test is quick enough for that.
const typedBefore = "Autofocus processing was blocked because a document already has a focused element"

// Picture keeps a screenshot in the folder that CHATIDENT_SCREENSHOTS names.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	dir := os.Getenv("CHATIDENT_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.Context, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}
