# Imports the orders of the old shop. Run once, in 2014, with Python 2.
import sys

for line in open(sys.argv[1]):
    number, name = line.split(";")
    print "importing", number
