"""The end-to-end demo: generate, train, test, draw, report.

Every step is a command of the public tools that a user could type; this
package strings them together, remembers what is done, and puts the results
on one page.
"""
