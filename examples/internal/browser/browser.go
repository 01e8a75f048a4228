// Package browser drives a headless Chromium for the tests of the examples.
package browser

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Action is one step of a visitor.
type Action = chromedp.Action[chromedp.Void]

// Browser is one tab.
type Browser struct {
	Context context.Context

	t       *testing.T
	console iter.Seq2[chromedp.ConsoleMessage, error]
}

// New opens a browser for at most five minutes. Without Chromium it skips the test.
func New(t *testing.T) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testenv.Program(t, "chromium", "chromium", "chromium-browser", "google-chrome")),
		chromedp.NoSandbox, // the tests may run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"), // no test calls the vendors
		chromedp.WindowSize(1200, 1000),
	)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
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
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: reportViolations})
	require.NoError(t, err)
	return b
}

// reportViolations logs each violation of the page's Content-Security-Policy. Chromium
// itself does not log an eval whose error a script caught.
const reportViolations = `document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
	console.error("the Content-Security-Policy blocked", effectiveDirective, blockedURI))`

// Do performs the actions in order.
func (b *Browser) Do(actions ...Action) {
	b.t.Helper()
	for _, action := range actions {
		_, err := again(b.Context, action, elementIsGone...)
		require.NoError(b.t, err)
	}
}

// Load performs actions of which the last loads another page, such as a click on a link, and
// waits until that page is loaded. An action alone does not wait: the next one could find its
// element in the page before, or in the new page before its scripts have run.
func (b *Browser) Load(actions ...Action) {
	b.t.Helper()
	b.Do(chromedp.Evaluate[chromedp.Void]("window.isLeft = true"))
	b.Do(actions...)
	b.WaitFor(`window.isLeft !== true && document.readyState === "complete"`)
}

// Text returns what an element shows.
func (b *Browser) Text(selector chromedp.CSS) string {
	b.t.Helper()
	text, err := again(b.Context, chromedp.Text(selector), slices.Concat(elementIsGone, pageIsGone)...)
	require.NoError(b.t, err)
	return text
}

// Chromium's errors for an element that the page has removed or replaced since it was found,
// and for a page that another one has replaced.
var (
	elementIsGone = []string{"node with given id", "Node is detached from document", "Node does not have a layout object", "Could not compute content quads"}
	pageIsGone    = []string{"Cannot find context", "Cannot find default execution context", "Execution context was destroyed", "Inspected target navigated"}
)

// again performs an action, and again if it fails with one of the errors. An action finds its
// element before it does anything, so it is safe to repeat one whose element is gone. Of the
// actions whose page is gone, only those that read are safe.
func again[T any](ctx context.Context, action chromedp.Action[T], failures ...string) (result T, err error) {
	for range 200 {
		result, err = chromedp.Run(ctx, action)
		failure, ok := errors.AsType[*cdproto.Error](err)
		isGone := func(text string) bool { return strings.Contains(failure.Message, text) }
		if !ok || !slices.ContainsFunc(failures, isGone) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return result, err
}

// WaitFor waits until a JavaScript expression is true, also while another page is loaded.
// chromedp.Poll fails then.
func (b *Browser) WaitFor(expression string) {
	b.t.Helper()
	var last any
	for end := time.Now().Add(90 * time.Second); b.Context.Err() == nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ok, err := chromedp.Run(b.Context, chromedp.Evaluate[bool]("!!("+expression+")"))
		if ok {
			return
		}
		last = err
	}
	require.Fail(b.t, expression+" is not true", last)
}

// Evaluate returns the text that a JavaScript expression evaluates to. The expression may be
// evaluated more than once.
func (b *Browser) Evaluate(expression string) string {
	b.t.Helper()
	text, err := again(b.Context, chromedp.Evaluate[string](expression), pageIsGone...)
	require.NoError(b.t, err, expression)
	return text
}

// ErrorStatus is what Chromium logs for each response with a status of 400 or more. No page
// can prevent it.
const ErrorStatus = "Failed to load resource: the server responded with a status of"

// RequireQuietConsole closes the tab and fails the test if its console has messages other
// than those with one of the expected texts.
func (b *Browser) RequireQuietConsole(expected ...string) {
	b.t.Helper()
	const last = "that was all"
	b.Evaluate(`console.debug("` + last + `") ?? ""`)
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

// typedBefore is what Chromium logs if the visitor types into a page before its autofocus.
// A test is fast enough for that.
const typedBefore = "Autofocus processing was blocked because a document already has a focused element"

// Picture saves a screenshot to the folder that CHATIDENT_SCREENSHOTS names.
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
