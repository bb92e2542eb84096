"""From records to answers, and from answers to what people read.

`measured` reads the records of runs, `reported` the papers' numbers, and `metrics` says
what a number counts. `answers.Results` gives what follows from them for a paper at a
scale: compared `cells`, answered `claims` and the findings of `diagnostics`. Every view
takes such results: `text` for a terminal, `readmes` and `overview` for README files,
`report` for a page with `plots`.
"""
