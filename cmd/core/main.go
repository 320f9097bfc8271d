// Command core is the command line with the example tasks of examples/reports compiled in. A program of your own needs
// the same one line with its own registry; the pages are the example's web application, in 'core dev'.
package main

import (
	"net/http"

	"github.com/coretasks/core/cli"
	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/examples/reports/web"
)

func main() {
	cli.Main(reports.Registry(cli.StateDir()),
		cli.Example("reports.generate", `{"user_id":1,"report_type":"monthly"}`),
		cli.WithWeb(pages))
}

func pages(w cli.Web) http.Handler {
	app, err := web.New(web.Config{Queue: w.Queue, Store: w.Store, Jobs: w.API, Dir: cli.StateDir()})
	if err != nil {
		panic(err) // a program that is put together wrongly
	}
	return app
}
