
r4	some:list:		8циµЂ7П5